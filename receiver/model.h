/* SPDX-License-Identifier: Apache-2.0 */
/*
 * model: what is known of one job, from the records of its streams, in bounded memory.
 *
 * Flow:      decoded record -> jem_model_feed -> page, graphs, status, watch
 *            The live receiver and `jem report` (from data/KIND.jsonl) feed it the same way.
 * Thread:    loop thread; feeding never blocks and does no I/O
 * Ownership: a model owns all it holds; fields are public to read, only jem_model_* write them
 * Bounds:    every list below has one; what does not fit is counted beside the list. About 40 KiB
 *            for a short job, 1.5 MiB per node after days at one sample a second.
 * Order:     records may come late or from several nodes; the later time wins for a state
 */
#ifndef JEM_RECEIVER_MODEL_H
#define JEM_RECEIVER_MODEL_H

#include "common/batch.h"
#include "common/json_reader.h"
#include "common/metric.h"
#include "receiver/calls/job_profile.h"
#include "receiver/calls/recent.h"
#include "receiver/graph/axis.h"
#include "receiver/graph/series.h"

enum {
	JEM_MODEL_NODES = 16,
	JEM_MODEL_METRICS = 512,   /* names per node, node and job scope together */
	JEM_MODEL_PROCESSES = 256, /* per node; the one not heard of for longest goes first */
	JEM_MODEL_LINES = 200,     /* the last ones */
	JEM_MODEL_ALERTS = 100,    /* the last ones */
	JEM_MODEL_MARKS = 400,     /* the first half and the last half of them */
	JEM_MODEL_PHASES = 128,    /* as marks */
	JEM_MODEL_FIELDS = 256,    /* of the environment */
	JEM_MODEL_NOTES = 64,      /* what is observed and what is not */
	JEM_MODEL_STREAMS = 256,
	JEM_MODEL_MOVED = 32,      /* profiles, the last ones */
	JEM_MODEL_TEXT_MAX = 2048, /* bytes of any text that is kept; the rest is cut with ... */
};

/* The curves that are kept: SERIES(id, ...) in receiver/series.def. */
enum jem_series_id {
#define SERIES(id, scope, source, transform, unit, label) JEM_SERIES_##id,
#include "receiver/series.def"
#undef SERIES
	JEM_SERIES_COUNT
};

struct jem_series_info {
	enum jem_scope scope;
	const char *sources[2]; /* metric names, the second may be NULL: their sum */
	bool is_rate;           /* of cumulative metrics, per second */
	enum jem_unit unit;
	const char *label;
};

extern const struct jem_series_info jem_series_infos[JEM_SERIES_COUNT];

enum jem_job_state {
	JEM_JOB_UNKNOWN, /* no status record yet */
	JEM_JOB_STARTING,
	JEM_JOB_RUNNING,
	JEM_JOB_STOPPED,
	JEM_JOB_ENDED,
};

enum jem_severity {
	JEM_SEVERITY_NONE = -1,
	JEM_SEVERITY_INFO,
	JEM_SEVERITY_WARNING,
	JEM_SEVERITY_CRITICAL,
};

/* The value of one metric: the latest, and the extremes of all that came. */
struct jem_model_metric {
	char name[JEM_NAME_MAX + 1];
	enum jem_scope scope; /* node, job or monitor */
	double last;
	double min;
	double max;
	uint64_t t_ns; /* wall clock, of `last` */
	uint64_t count;
	uint64_t record; /* number of the record that told it last */
	double value;    /* as that record told it */
};

struct jem_model_process {
	int64_t pid;
	char comm[64];
	uint64_t first_ns; /* wall clock, first and last record */
	uint64_t last_ns;
	double cpu_s;
	double cores; /* over the last interval, -1: not known */
	double rss_bytes;
	double peak_rss_bytes;
	double pss_bytes; /* -1: not known */
	double threads;
	double read_bytes;
	double write_bytes;
};

struct jem_model_line {
	uint64_t t_ns;
	char *file;  /* owned */
	char *text;  /* owned */
	char *level; /* owned; NULL: none */
	char *rule;  /* owned; NULL: none */
};

struct jem_model_alert {
	uint64_t t_ns;
	enum jem_severity severity;
	char *rule; /* owned */
	char *text; /* owned */
};

/* An instant to be marked in every graph: a rule that matched, a state that changed. */
struct jem_model_mark {
	uint64_t t_ns;
	enum jem_severity severity; /* NONE: a change of state */
	char *label;                /* owned; the rule or the state */
	char *text;                 /* owned; the whole sentence */
};

struct jem_model_phase {
	uint64_t t_ns; /* from here on */
	enum jem_job_state state;
};

struct jem_model_field {
	char *name;  /* owned; path of the field: system.kernel */
	char *value; /* owned */
};

/* What the monitor can and cannot observe. */
struct jem_model_note {
	char *what;   /* owned */
	char *level;  /* owned */
	char *text;   /* owned */
	char *remedy; /* owned; NULL: none */
};

struct jem_model_node {
	char name[JEM_TRUE_NAME_SIZE];
	struct jem_series series[JEM_SERIES_COUNT];
	struct jem_counter {
		double value;
		double t_s;               /* 0: none yet */
	} counters[JEM_SERIES_COUNT];     /* the readings before, for rates */
	struct jem_model_metric *metrics; /* owned; in order of arrival */
	size_t metric_count;
	uint16_t index[2 * JEM_MODEL_METRICS]; /* hash of (scope, name): place + 1 in metrics */
	struct jem_model_process *processes;   /* owned; in order of arrival */
	size_t process_count;
	uint64_t processes_forgotten;
};

/* What came of one stream, as the receiver accounts for it. */
struct jem_model_stream {
	char node[JEM_NAME_MAX + 1];
	char epoch[JEM_EPOCH_SIZE];
	enum jem_kind kind;
	uint64_t batches;
	uint64_t records;
	uint64_t duplicates;
	uint64_t missing_batches;
	uint64_t missing_records;
	uint64_t removed_batches; /* whole or in part, for the bound on the folder */
	uint64_t removed_records;
	uint64_t dropped[JEM_CAUSE_COUNT]; /* by the daemon, from the heads */
	bool is_final;                     /* its last batch came */
};

/* How many calls the profiles up to that time told of, the first one of each function left out. */
struct jem_model_moved {
	uint64_t t_ns;
	uint64_t calls;
};

/* What there is to say in a line. */
struct jem_model_calls {
	uint64_t functions;
	uint64_t calls;      /* that the profile has */
	double per_s;        /* now; -1: not known, or nothing runs */
	const char *hottest; /* by time of its own, of the model; NULL: none has any */
	double hottest_part; /* of the time of all */
	uint64_t dropped[JEM_CAUSE_COUNT]; /* records of kind call */
};

struct jem_job_model {
	struct jem_identity identity; /* of the batches; set by jem_model_set_identity */

	/* life cycle */
	enum jem_job_state state;
	uint64_t state_ns; /* wall clock of the last change */
	uint64_t start_ns; /* of the job; 0: not known */
	uint64_t end_ns;   /* 0: not ended */
	uint64_t first_ns; /* first and last record of any kind */
	uint64_t last_ns;
	int64_t pid; /* -1: not known; the same for the three below */
	int exit_code;
	int signal;
	bool has_core;
	bool monitor_ended;
	double wall_s; /* as the last record tells, -1: not known; the same below */
	double cpu_user_s;
	double cpu_system_s;
	double peak_rss_bytes;
	double memory_limit_bytes;
	char *state_text; /* owned, as all texts below; "" where there is none */
	char *command;
	char *folder;
	char *degraded; /* last complaint of the monitor about itself */

	struct jem_model_node *nodes[JEM_MODEL_NODES]; /* owned, in order of arrival */
	size_t node_count;

	struct jem_model_line lines[JEM_MODEL_LINES]; /* a ring, see jem_model_line */
	uint64_t line_count;                          /* all that ever came */
	uint64_t error_lines;                         /* of level error or fatal */
	uint64_t warning_lines;
	struct jem_model_line last_error; /* text NULL: none */

	struct jem_model_alert alerts[JEM_MODEL_ALERTS]; /* a ring, see jem_model_alert */
	uint64_t alert_count;
	uint64_t alerts_by_severity[3];

	struct jem_model_mark marks[JEM_MODEL_MARKS];
	size_t mark_count;
	uint64_t marks_forgotten;
	struct jem_model_phase phases[JEM_MODEL_PHASES]; /* in order of time */
	size_t phase_count;

	struct jem_model_field fields[JEM_MODEL_FIELDS];
	size_t field_count;
	struct jem_model_note notes[JEM_MODEL_NOTES];
	size_t note_count;

	struct jem_model_stream *streams; /* owned */
	size_t stream_count;

	/* Of kinds profile and call, fed by jem_model_feed_profile and jem_recent_add; bounds are their own. */
	struct jem_job_profile profile;
	struct jem_recent recent;
	struct jem_model_moved moved[JEM_MODEL_MOVED]; /* a ring */
	uint64_t moved_count;                          /* all that ever came */

	struct jem_buf scratch; /* for texts on their way */
	uint64_t records;       /* fed, of every kind */
	uint64_t by_kind[JEM_KIND_COUNT];
	uint64_t malformed; /* fed, but without the fields their kind promises */
	uint64_t forgotten; /* facts beyond the bounds above: nodes, metrics, fields, notes */
};

int jem_model_create(struct jem_job_model **ret);
void jem_model_destroy(struct jem_job_model *model);

/* Names of the job. The first batch's is enough; a later one may add true names. */
void jem_model_set_identity(struct jem_job_model *model, const struct jem_identity *identity);

/*
 * Takes one record: `record` is its object in `doc`, t_ns its wall-clock time, `node` where it
 * was made (a name from the head, or "" where there is but one). Parts of a split record are
 * joined before. Kinds that the model does not show are only counted.
 * 0; -EBADMSG for a record without what its kind promises (counted as malformed); -ENOMEM (the
 * record is lost to the model, which stays whole).
 */
int jem_model_feed(struct jem_job_model *model, const char *node, enum jem_kind kind, uint64_t t_ns,
		   const struct jem_json_doc *doc, uint32_t record);

/* Takes what else a record of kind profile tells, after jem_model_feed: as jem_job_profile_add. */
int jem_model_feed_profile(struct jem_job_model *model, const char *epoch, uint64_t t_ns,
			   const struct jem_json_doc *doc, uint32_t record);

/* Takes the head of a batch into the account of its stream, where no receiver keeps one. */
int jem_model_note_head(struct jem_job_model *model, const struct jem_head *head);

/* Whether calls were recorded, and what there is to say of them: 0 or -ENOMEM. */
bool jem_model_has_calls(const struct jem_job_model *model);
int jem_model_get_calls(const struct jem_job_model *model, uint64_t now_ns,
			struct jem_model_calls *ret);

/* Adds or replaces the account of a stream (node, epoch, kind). */
int jem_model_set_stream(struct jem_job_model *model, const struct jem_model_stream *stream);

/* i-th of the kept lines or alerts, 0 the oldest; NULL beyond the last. */
const struct jem_model_line *jem_model_line(const struct jem_job_model *model, size_t i);
const struct jem_model_alert *jem_model_alert(const struct jem_job_model *model, size_t i);

/* The latest value of a metric on a node, NULL if there was none. */
const struct jem_model_metric *jem_model_metric(const struct jem_model_node *node,
						enum jem_scope scope, const char *name);

/* The same as a number, over all nodes: the sum, or -1 where no node told it. */
double jem_model_total(const struct jem_job_model *model, enum jem_scope scope, const char *name);

/* The name as its owner writes it, else as it is on the wire. */
const char *jem_model_job_name(const struct jem_job_model *model);

/* The worst alert so far, JEM_SEVERITY_NONE: there was none. */
enum jem_severity jem_model_worst(const struct jem_job_model *model);

/* Records known to be lost anywhere: missing in streams, and dropped by the daemon. */
uint64_t jem_model_lost_records(const struct jem_job_model *model);

/* What was left out because it was over a configured rate, and counted instead (schemas/causes.def). */
uint64_t jem_model_limited_records(const struct jem_job_model *model);

/* Records that came, and were removed again to keep the folder within its bound. */
uint64_t jem_model_removed_records(const struct jem_job_model *model);

/* `running`, `ended`, ...; the words of the status records. */
const char *jem_job_state_name(enum jem_job_state state);

#endif
