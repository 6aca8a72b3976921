// SPDX-License-Identifier: Apache-2.0
// Uses a page of scheduling graphs in headless Chromium as a reader would, and prints what it found as JSON.
//
//	node sched_page.mjs PLAYWRIGHT CHROMIUM URL WIDTH SCHEME
import { createRequire } from 'node:module';

const [, , library, executablePath, url, width, colorScheme] = process.argv;
const { chromium } = createRequire(import.meta.url)(library);
const browser = await chromium.launch({ executablePath, args: ['--disable-dev-shm-usage'] });
try {
	const context = await browser.newContext({ viewport: { width: Number(width), height: 844 }, colorScheme });
	const page = await context.newPage();
	const found = { complaints: [], requests: [] };
	page.on('console', (m) => found.complaints.push(m.text()));
	page.on('pageerror', (e) => found.complaints.push(e.message));
	page.on('dialog', (d) => { found.complaints.push(d.message()); d.dismiss(); });
	page.on('request', (r) => { if (!r.url().startsWith('data:')) found.requests.push(r.url()); });
	await page.goto(url);
	await page.waitForFunction(() => [...document.querySelectorAll('section.trace')].every((s) => s.dataset.ready));
	const canvas = page.locator('canvas').first();
	const frame = () => page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
	const window_now = async () => {
		await frame();
		return page.evaluate(() => {
			const { from, to } = document.querySelector('section.trace').dataset;
			return [Number(from), Number(to)];
		});
	};
	// Pixels of a colour that stands out: neither ground nor one of the greys.
	const coloured = () => page.evaluate(() => {
		const c = document.querySelector('canvas'), copy = new OffscreenCanvas(c.width, Math.floor(c.height * 0.55));
		const context = copy.getContext('2d', { willReadFrequently: true });
		context.drawImage(c, 0, 0);
		const d = context.getImageData(0, 0, copy.width, copy.height).data;
		let n = 0;
		for (let i = 0; i < d.length; i += 4)
			if (Math.max(d[i], d[i + 1], d[i + 2]) - Math.min(d[i], d[i + 1], d[i + 2]) > 60) n++;
		return n;
	});
	const box = await canvas.boundingBox();
	const x = box.x + box.width * 0.3, y = box.y + 60;

	found.sections = await page.locator('section.trace canvas:visible').count();
	found.overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
	found.whole = await window_now();
	found.pixels = { all: await coloured() };
	found.at = found.whole[0] + (found.whole[1] - found.whole[0]) * (box.width * 0.3 - (box.width < 500 ? 34 : 44)) /
		(box.width - (box.width < 500 ? 34 : 44) - 10);
	await page.mouse.move(x, y);
	for (let i = 0; i < 3; i++) await page.mouse.wheel(0, -240);
	found.wheel = await window_now();
	await page.mouse.down();
	await page.mouse.move(x - 80, y, { steps: 4 });
	await page.mouse.up();
	found.drag = await window_now();
	await canvas.press('+');
	found.keys = await window_now();
	await canvas.press('0');
	found.again = await window_now();
	await page.mouse.move(box.x + box.width * 0.25, box.y + box.height - 60);
	await frame();
	found.counts = await page.locator('.tip').first().innerText();
	// A page of counts alone has nothing to choose or search.
	if (await page.locator('#words').count()) {
		// Over the line of a core that is busy nearly throughout.
		await page.mouse.move(box.x + box.width * 0.25, box.y + 17 + 15);
		await frame();
		found.tip = await page.locator('.tip').first().innerText();
		const search = async (words) => {
			await page.fill('#words', words);
			await page.waitForFunction((text) => window.sched_graphs.settings.words === text, words);
			await frame();
			return page.locator('#found').innerText();
		};
		found.found = await search('kworker');
		found.pixels.searched = await coloured();
		await canvas.press('Home');
		for (let i = 0; i < 8; i++) await canvas.press('+');
		await canvas.press('Home');
		await page.locator('#words').press('Enter');
		found.jump = await window_now();
		found.by_pid = await search('203');
		await search('');
		await page.locator('button.go').first().click();
		found.episode = await window_now();
		for (const name of ['waiting', 'arrows', 'socket']) await page.locator('#' + name).click();
		const key = page.locator('.key').first();
		found.keys_shown = [await key.isVisible()];
		await page.selectOption('#by', 'parent');
		await frame();
		found.keys_shown.push(await key.isVisible());
	}
	process.stdout.write(JSON.stringify(found) + '\n');
} finally {
	await browser.close();
}
