/* playhouse top: every actor of every process, as it stands now and what it has done since the last look. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "front_client.h"

typedef struct top_node {
    char name[ACT_KEY_MAX + 1];
    bool answered;
    msg_watch_actor_list_t now, before; /* before.at_us is 0 when there is none */
} top_node_t;

typedef struct top {
    front_client_t *client;
    bool json;
    uint64_t number; /* of the look: answers of an earlier one are passed over */
    top_node_t nodes[FRONT_CLIENT_NODES_MAX];
    size_t nodes_count;
} top_t;

/* ---- asking ---- */

/* The nodes that are there, in the order in which they are told; what is known of each is kept. */
static bool
top_look(top_t *self)
{
    static char names[FRONT_CLIENT_NODES_MAX][ACT_KEY_MAX + 1];
    size_t count = front_client_nodes(self->client, names);
    top_node_t *old = malloc(sizeof self->nodes);
    ACT_ASSERT(old != NULL);
    memcpy(old, self->nodes, sizeof self->nodes);
    for (size_t i = 0; i < count; i++) {
        top_node_t *node = &self->nodes[i];
        memset(node, 0, sizeof *node);
        snprintf(node->name, sizeof node->name, "%.*s", ACT_KEY_MAX, names[i]);
        for (size_t k = 0; k < self->nodes_count; k++) {
            if (strcmp(old[k].name, names[i]) == 0 && old[k].answered) {
                node->before = old[k].now;
            }
        }
    }
    free(old);
    self->nodes_count = count;
    return count > 0;
}

/* Asks everybody, and waits until all have answered or FRONT_CLIENT_ANSWER_SEC are over. */
static bool
top_sample(top_t *self)
{
    if (!top_look(self)) {
        return false;
    }
    static const msg_watch_actors_t nothing;
    size_t answered = 0;
    self->number++;
    for (size_t i = 0; i < self->nodes_count; i++) {
        front_client_send(self->client, MSG_WATCH_ACTORS, self->nodes[i].name, &nothing, self->number << 8 | i);
    }
    int64_t until = front_client_now() + FRONT_CLIENT_ANSWER_SEC * (int64_t)ACT_SEC;
    for (int64_t left; answered < self->nodes_count && (left = until - front_client_now()) > 0;) {
        msg_t msg;
        front_client_heard_t heard = front_client_receive(self->client, &msg, left / ACT_MSEC + 1);
        if (heard == FRONT_CLIENT_FAULT || front_client_stopped()) {
            return false;
        }
        if (heard != FRONT_CLIENT_ANSWER || msg.correlation >> 8 != self->number) {
            continue;
        }
        answered++;
        if (msg.type == MSG_WATCH_ACTOR_LIST) {
            top_node_t *node = &self->nodes[(msg.correlation & 255) % FRONT_CLIENT_NODES_MAX];
            node->now = *(const msg_watch_actor_list_t *)msg.body;
            node->answered = true;
        }
    }
    return true;
}

static void
top_pause(top_t *self, int64_t seconds)
{
    int64_t until = front_client_now() + seconds * ACT_SEC;
    for (int64_t left; (left = until - front_client_now()) > 0 && !front_client_stopped();) {
        msg_t msg; /* late answers are passed over */
        front_client_receive(self->client, &msg, left / ACT_MSEC + 1);
    }
}

/* ---- showing ---- */

/* How many per second since the last look; 0 when that is not known, or the process has started again. */
static double
top_rate(const top_node_t *node, int64_t now, int64_t before)
{
    int64_t usec = node->now.at_us - node->before.at_us;
    return node->before.at_us == 0 || usec <= 0 || now < before ? 0 : (double)(now - before) * 1e6 / (double)usec;
}

static const obj_watch_row_t *
top_before(const top_node_t *node, const obj_watch_row_t *row)
{
    for (uint32_t i = 0; i < node->before.actors_len; i++) {
        const obj_watch_row_t *before = &node->before.actors[i];
        if (strcmp(before->kind, row->kind) == 0 && before->thread == row->thread) {
            return before;
        }
    }
    return row;
}

static void
top_show_node(const top_node_t *node)
{
    const char *name = *node->name ? node->name : "this process";
    if (!node->answered) {
        printf("%s: no answer\n\n", name);
        return;
    }
    const msg_watch_actor_list_t *now = &node->now;
    printf("%s  up %" PRId64 " s  cpu %.0f %%  memory %.1f MB  rooms %" PRId64 "  sessions %" PRId64 "\n", name,
           now->up_ms / 1000, top_rate(node, now->cpu_us, node->before.cpu_us) / 1e4, (double)now->resident_bytes / 1e6,
           now->rooms, now->sessions);
    printf("  %-16s %8s %8s %11s %7s %9s %9s %9s\n", "actor", "states", "waiting", "messages/s", "busy %", "p99 us",
           "refused", "restarts");
    for (uint32_t i = 0; i < now->actors_len; i++) {
        const obj_watch_row_t *row = &now->actors[i], *before = top_before(node, row);
        char actor[32];
        snprintf(actor, sizeof actor, "%.24s/%d", row->kind, (int)row->thread);
        printf("  %-16s %8" PRId64 " %8" PRId64 " %11.1f %7.1f %9" PRId64 " %9" PRId64 " %9" PRId64 "\n", actor,
               row->keys, row->depth, top_rate(node, row->handled, before->handled),
               top_rate(node, row->handler_us, before->handler_us) / 1e4, row->p99_us, row->refused, row->restarts);
    }
    printf("\n");
}

static void
top_show_json_node(const top_node_t *node)
{
    const msg_watch_actor_list_t *now = &node->now;
    printf("{\"node\":");
    front_client_write_json(stdout, node->name);
    printf(",\"answered\":%s", node->answered ? "true" : "false");
    if (node->answered) {
        printf(",\"atUs\":%" PRId64 ",\"upMs\":%" PRId64 ",\"cpuPercent\":%.2f,\"residentBytes\":%" PRId64
               ",\"rooms\":%" PRId64 ",\"sessions\":%" PRId64 ",\"actors\":[",
               now->at_us, now->up_ms, top_rate(node, now->cpu_us, node->before.cpu_us) / 1e4, now->resident_bytes,
               now->rooms, now->sessions);
        for (uint32_t i = 0; i < now->actors_len; i++) {
            const obj_watch_row_t *row = &now->actors[i], *before = top_before(node, row);
            printf("%s{\"kind\":\"%s\",\"thread\":%" PRId64 ",\"states\":%" PRId64 ",\"waiting\":%" PRId64
                   ",\"handled\":%" PRId64 ",\"messagesPerSecond\":%.2f,\"busyPercent\":%.2f,\"p99Us\":%" PRId64
                   ",\"refused\":%" PRId64 ",\"restarts\":%" PRId64 "}",
                   i == 0 ? "" : ",", row->kind, row->thread, row->keys, row->depth, row->handled,
                   top_rate(node, row->handled, before->handled),
                   top_rate(node, row->handler_us, before->handler_us) / 1e4, row->p99_us, row->refused, row->restarts);
        }
        printf("]");
    }
    printf("}");
}

static void
top_show(const top_t *self)
{
    if (self->json) {
        printf("{\"nodes\":[");
        for (size_t i = 0; i < self->nodes_count; i++) {
            printf("%s", i == 0 ? "" : ",");
            top_show_json_node(&self->nodes[i]);
        }
        printf("]}\n");
    } else {
        if (isatty(STDOUT_FILENO)) {
            printf("\033[H\033[J"); /* in place of the last */
        }
        for (size_t i = 0; i < self->nodes_count; i++) {
            top_show_node(&self->nodes[i]);
        }
    }
    fflush(stdout);
}

int
cmd_top(int argc, char **argv, config_t *config)
{
    bool once = false, json = false;
    int64_t interval = 1;
    const char *front = NULL;
    const cli_option_t options[] = {{.name = "--once", .flag = &once},
                                    {.name = "--json", .flag = &json},
                                    {.name = "--front", .text = &front},
                                    {.name = "--interval", .number = &interval, .min = 1, .max = 3600},
                                    {.name = NULL}};
    if (!cli_options(options, &argc, argv)) {
        return 2;
    }
    if (argc > 1) {
        return cli_misuse("top", argv[1]);
    }
    front_client_t *client = front_client_new("top", front, config);
    if (client == NULL) {
        return 2;
    }
    top_t *self = calloc(1, sizeof *self);
    ACT_ASSERT(self != NULL);
    *self = (top_t){.client = client, .json = json};
    bool good = top_sample(self);
    for (bool ended = false; good && !ended && !front_client_stopped(); ended = once) {
        top_pause(self, interval);
        good = front_client_stopped() || top_sample(self);
        if (good && !front_client_stopped()) {
            top_show(self);
        }
    }
    good = good || front_client_stopped();
    front_client_destroy(&self->client);
    free(self);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
