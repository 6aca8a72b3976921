/* SPDX-License-Identifier: Apache-2.0 */
#include "event.h"

#include <cmath>
#include <cstring>
#include <stdexcept>

namespace zmumu
{

namespace
{

struct Header {
	char magic[8];
	std::uint32_t version;
	std::uint32_t run;
	std::uint64_t events;
	std::uint32_t crc;
	std::uint32_t reserved;
};

struct RawParticle {
	double px, py, pz;
	std::int32_t charge;
	std::int32_t kind;
};

static_assert(sizeof(Header) == 32, "the header of an event file has 32 bytes");
static_assert(sizeof(RawParticle) == 32, "a particle has 32 bytes");

constexpr std::uint32_t max_particles = 1000;

} // namespace

double Particle::pt() const
{
	return std::hypot(px, py);
}

double Particle::eta() const
{
	return std::asinh(pz / pt());
}

double Particle::phi() const
{
	return std::atan2(py, px);
}

double Particle::energy(double mass) const
{
	return std::sqrt(px * px + py * py + pz * pz + mass * mass);
}

EventReader::EventReader(const std::string &name) : path(name), in(name, std::ios::binary)
{
	Header header;

	if (!in)
		throw std::runtime_error("cannot open " + path);
	if (!in.read(reinterpret_cast<char *>(&header), sizeof(header)) ||
	    std::memcmp(header.magic, "ZMUMU\0\0", 8) != 0 || header.version != 1)
		throw std::runtime_error(path + " is no event file of version 1");
	run = header.run;
	count = header.events;
}

bool EventReader::next(Event &event)
{
	std::uint32_t head[2];
	RawParticle raw;

	if (done == count)
		return false;
	if (!in.read(reinterpret_cast<char *>(head), sizeof(head)) || head[1] > max_particles)
		throw std::runtime_error(path + " is truncated at event " + std::to_string(done));
	event.run = run;
	event.number = head[0];
	event.particles.clear();
	for (std::uint32_t i = 0; i < head[1]; i++) {
		if (!in.read(reinterpret_cast<char *>(&raw), sizeof(raw)))
			throw std::runtime_error(path + " is truncated at event " +
						 std::to_string(done));
		event.particles.push_back(
			{ raw.px, raw.py, raw.pz, raw.charge, static_cast<Kind>(raw.kind) });
	}
	done++;
	return true;
}

} // namespace zmumu
