/*
 * actor_bench -- what a message from actor to actor costs: through `act.h`, with directory, mailbox, envelope and its
 * checks, beside the bare sockets of push_floor. Toy actors under the names of real ones: a gateway that sends moves to
 * a room, and asks a store. Processes are several brokers in this one program, each with sockets and threads of its
 * own; what they are told of each other is written down here, so that no broker is needed.
 *
 *   actor_bench [--seconds N]
 *
 * Prints what the memory of one message's head takes that every mailbox keeps (recorder.h), and a row for each way:
 * moves per second one way, in floods that the receiver's mailbox bounds (who is refused tries again a millisecond
 * later); requests per second with some of them under way all the time; CPU per message of both ends; and the time from
 * a request to its answer when there is only one.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "bench_stats.h"
#include "broker.h"
#include "recorder.h"
#include "send.h"

enum {
    BURST = 256,  /* moves in one turn */
    AT_ONCE = 64, /* requests under way */
    MAILBOX = 65536,
    LAST = 2,      /* actionId of the last move; of the others it is 1 */
    OVER_SEC = 30, /* how long the last messages may take after the time is up */
    TIMER_SEND = 0,
    HEADS = 20000000, /* noted to measure one */
};

typedef enum work { WORK_FLOOD, WORK_ASK_MANY, WORK_ASK_ONE } work_t;

/* What the actors do now, and what has come of it. The gateway writes times and sent, the room heard. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool over;
    work_t work;
    int64_t usec;
    int64_t start, end;
    double cpu_start, cpu_end; /* us of this whole program */
    uint64_t sent, heard, refused;
    bench_stats_t times;
} task = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

_Noreturn static void
die(const char *what, const char *why)
{
    fprintf(stderr, "actor_bench: %s: %s\n", what, why);
    exit(1);
}

static double
own_cpu(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static void
task_begin(void)
{
    task.cpu_start = own_cpu();
    task.start = bench_now();
}

static void
task_end(void)
{
    task.end = bench_now();
    task.cpu_end = own_cpu();
    pthread_mutex_lock(&task.lock);
    task.over = true;
    pthread_cond_signal(&task.changed);
    pthread_mutex_unlock(&task.lock);
}

/* ---- actors ---- */

static void
store_receive(void *state, act_ctx_t *ctx, const msg_t *msg)
{
    (void)state;
    msg_persistence_pong_t pong = {.schema = 1};
    reply_persistence_pong(ctx, msg, &pong);
}

static const act_kind_t store_like_kind = {
    .id = ACT_KIND_PERSISTENCE, .name = "persistence", .keying = ACT_SHARDED, .receive = store_receive};

static void
room_receive(void *state, act_ctx_t *ctx, const msg_t *msg)
{
    (void)state;
    (void)ctx;
    const msg_room_move_t *move = msg->body;
    task.heard++;
    if (move->action_id == LAST) {
        task_end();
    }
}

static const act_kind_t room_like_kind = {
    .id = ACT_KIND_ROOM, .name = "room", .keying = ACT_KEYED, .receive = room_receive};

typedef struct asker {
    bool begun;
    int outstanding;
} asker_t;

static void
asker_ask(asker_t *self, act_ctx_t *ctx)
{
    msg_persistence_ping_t ping = {0};
    task.sent++;
    self->outstanding++;
    request_persistence_ping(ctx, "", &ping, (act_usec_t)OVER_SEC * ACT_SEC, (uint64_t)bench_now());
}

/* As soon as there is somebody to send to. */
static void
asker_view(void *state, act_ctx_t *ctx)
{
    asker_t *self = state;
    act_addr_t to;
    if (self->begun || !act_owner(ctx, ACT_KIND_ROOM, "plaza/main", &to)) {
        return;
    }
    self->begun = true;
    task_begin();
    if (task.work == WORK_FLOOD) {
        act_timer_start(ctx, TIMER_SEND, 0);
        return;
    }
    for (int i = 0; i < (task.work == WORK_ASK_MANY ? AT_ONCE : 1); i++) {
        asker_ask(self, ctx);
    }
}

static bool
asker_init(void *state, act_ctx_t *ctx, const void *config)
{
    (void)config;
    asker_view(state, ctx); /* alone it has everybody from the start */
    return true;
}

static void
asker_expire(void *state, act_ctx_t *ctx, int timer)
{
    (void)state;
    bool late = bench_now() - task.start >= task.usec;
    for (int i = 0; i < BURST; i++) {
        bool last = late && i == BURST - 1;
        msg_room_move_t move = {.connection = 7, .member = 7, .action_id = last ? LAST : 1, .x = 512.25, .y = 498.5};
        if (!send_room_move(ctx, "plaza/main", &move)) {
            task.refused++;
            act_timer_start(ctx, timer, ACT_MSEC);
            return;
        }
        task.sent++;
    }
    if (!late) {
        act_timer_start(ctx, timer, 0);
    }
}

static void
asker_receive(void *state, act_ctx_t *ctx, const msg_t *msg)
{
    asker_t *self = state;
    int64_t now = bench_now();
    if (msg->type != MSG_PERSISTENCE_PONG) {
        die("a request was not answered", msg_infos[msg->type].name);
    }
    bench_stats_add(&task.times, now - (int64_t)msg->context);
    task.heard++;
    self->outstanding--;
    if (now - task.start < task.usec) {
        asker_ask(self, ctx);
    } else if (self->outstanding == 0) {
        task_end();
    }
}

static const act_kind_t asker_kind = {.id = ACT_KIND_GATEWAY,
                                      .name = "gateway",
                                      .keying = ACT_SHARDED,
                                      .state_size = sizeof(asker_t),
                                      .init = asker_init,
                                      .view = asker_view,
                                      .expire = asker_expire,
                                      .receive = asker_receive};

/* ---- processes ---- */

typedef struct process {
    broker_t *broker;
    curve_t *curve; /* NULL: in the clear */
    broker_node_t node;
} process_t;

typedef struct way {
    const char *name, *placement;
    bool processes, keys;
} way_t;

/* The two processes by their names, and the folder of their certificates. */
static const char *const process_names[] = {"answers", "asks"};
static char keys_folder[] = "/tmp/actor-bench-XXXXXX";

static const char *
keys_path(int process, const char *suffix)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s%s", keys_folder, process_names[process], suffix);
    return path;
}

static void
keys_make(void)
{
    char why[256] = "there is no temporary folder";
    bool good = mkdtemp(keys_folder) != NULL;
    for (int i = 0; good && i < 2; i++) {
        good = cert_make(keys_folder, process_names[i], NULL, why, sizeof why);
    }
    if (!good) {
        die("could not make keys", why);
    }
}

static void
keys_remove(void)
{
    for (int i = 0; i < 2; i++) {
        unlink(keys_path(i, CERT_PUBLIC_SUFFIX));
        unlink(keys_path(i, CERT_SECRET_SUFFIX));
    }
    rmdir(keys_folder);
}

static void
process_start(process_t *self, const way_t *way, int number, bool asks, bool answers)
{
    char why[256] = "";
    self->broker = broker_new();
    const curve_config_t keys = {.secret = keys_path(number, CERT_SECRET_SUFFIX), .allowed = keys_folder, .tools = ""};
    self->curve = way->keys ? curve_new(broker_zmq(self->broker), &keys, why, sizeof why) : NULL;
    if (way->keys && self->curve == NULL) {
        die("could not open the keys", why);
    }
    self->node =
        (broker_node_t){.name = process_names[number], .host = "127.0.0.1", .roles = "bench", .curve = self->curve};
    if (answers) {
        broker_add(self->broker, &store_like_kind, NULL);
        broker_add(self->broker, &room_like_kind, NULL);
    }
    if (asks) {
        broker_add(self->broker, &asker_kind, NULL);
    }
    broker_options_t options = {
        .placement = way->placement, .mailbox_max = MAILBOX, .node = way->processes ? &self->node : NULL};
    if (!broker_start(self->broker, &options, why, sizeof why)) {
        die("could not start the actors", why);
    }
}

/* What brokers would tell them: both are there; in the end, that both leave. */
static void
introduce(process_t *processes, int count, bool leaving)
{
    directory_t *directory = calloc(1, sizeof *directory);
    for (int i = 0; directory != NULL && i < count; i++) {
        *directory = (directory_t){.self = broker_self(processes[i].broker)->id};
        for (int k = 0; k < count; k++) {
            directory_add_row(directory, broker_self(processes[k].broker))->leaving = leaving;
        }
        directory_settle(directory);
        broker_publish(processes[i].broker, directory);
    }
    free(directory);
}

static void
task_await(void)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += task.usec / ACT_SEC + OVER_SEC;
    pthread_mutex_lock(&task.lock);
    while (!task.over) {
        if (pthread_cond_timedwait(&task.changed, &task.lock, &until) != 0) {
            die("not all messages have come", "there was no end of it");
        }
    }
    pthread_mutex_unlock(&task.lock);
}

/* ---- rows ---- */

typedef struct result {
    double per_second, cpu_usec; /* messages: a request and its answer are two */
    double refused;              /* of 100 that were to be sent */
    int64_t p50, p99;
} result_t;

static result_t
run(const way_t *way, work_t work, int64_t seconds)
{
    task.work = work;
    task.usec = seconds * ACT_SEC;
    task.over = false;
    task.sent = task.heard = task.refused = 0;
    memset(&task.times, 0, sizeof task.times);
    process_t processes[2];
    int count = way->processes ? 2 : 1;
    process_start(&processes[0], way, 0, !way->processes, true);
    if (way->processes) {
        process_start(&processes[1], way, 1, true, false);
        introduce(processes, count, false);
    }
    task_await();
    if (way->processes) {
        introduce(processes, count, true);
    }
    for (int i = count; i-- > 0;) {
        if (!broker_stop(processes[i].broker)) {
            die("an actor does not stop", way->name);
        }
        broker_destroy(&processes[i].broker);
        curve_destroy(&processes[i].curve);
    }
    if (task.heard != task.sent) {
        die("messages were lost", way->name);
    }
    double messages = (double)task.sent * (work == WORK_FLOOD ? 1 : 2), usec = (double)(task.end - task.start);
    return (result_t){.per_second = messages * 1e6 / usec,
                      .cpu_usec = (task.cpu_end - task.cpu_start) / messages,
                      .refused = 100.0 * (double)task.refused / (double)(task.sent + task.refused),
                      .p50 = bench_stats_quantile(&task.times, 0.5),
                      .p99 = bench_stats_quantile(&task.times, 0.99)};
}

static void
print_row(const way_t *way, int64_t seconds)
{
    result_t flood = run(way, WORK_FLOOD, seconds), many = run(way, WORK_ASK_MANY, seconds),
             one = run(way, WORK_ASK_ONE, seconds);
    printf("%-11s %9.0f messages/s, CPU %5.2f us per message of both ends, %.2f%% refused; %d requests at once: %7.0f "
           "messages/s, CPU %5.2f us; there and back p50 %.3f ms, p99 %.3f ms\n",
           way->name, flood.per_second, flood.cpu_usec, flood.refused, AT_ONCE, many.per_second, many.cpu_usec,
           (double)one.p50 / 1000, (double)one.p99 / 1000);
    fflush(stdout);
}

static void
print_head(void)
{
    static recorder_t recorder;
    const msg_room_move_t move = {.connection = 7};
    msg_t msg = {.type = MSG_ROOM_MOVE, .key = "plaza/main", .body = &move};
    recorder_init(&recorder, ACT_KIND_ROOM);
    int64_t start = bench_now();
    for (int i = 0; i < HEADS; i++) {
        recorder_note(&recorder, &msg, i, 1);
    }
    printf("%-11s %9.1f ns\n", "a head", (double)(bench_now() - start) * 1000 / HEADS);
    fflush(stdout);
    recorder_fini(&recorder);
}

int
main(int argc, char **argv)
{
    int64_t seconds = argc == 3 && strcmp(argv[1], "--seconds") == 0 ? strtoll(argv[2], NULL, 10) : argc == 1 ? 2 : 0;
    if (seconds < 1 || seconds > 600) {
        fprintf(stderr, "usage: actor_bench [--seconds N]\n");
        return 2;
    }
    static const way_t ways[] = {
        {.name = "one thread", .placement = "gateway+room+persistence"},
        {.name = "two threads", .placement = "room+persistence gateway"},
        {.name = "tcp", .placement = "room+persistence gateway", .processes = true},
        {.name = "tcp+CURVE", .placement = "room+persistence gateway", .processes = true, .keys = true},
    };
    keys_make();
    atexit(keys_remove);
    print_head();
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        print_row(&ways[i], seconds);
    }
    return 0;
}
