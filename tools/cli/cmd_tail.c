/* playhouse tail: the messages that the actors of all processes handle, in one order. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli.h"
#include "front_client.h"

enum {
    TAIL_KEPT_MAX = 32768, /* entries that wait for those of slower processes; then they are shown as they are */
    TAIL_POLL_MSEC = 250,
    TAIL_TELL_SEC = 2,
};

typedef struct tail_node {
    char name[ACT_KEY_MAX + 1];
    bool present, asked, more, answered;
    uint64_t ask;              /* number of the last ask: answers of an earlier one are passed over */
    int64_t asked_at, last_at; /* last_at: of its newest entry, microseconds since 1970 */
    int64_t bodies_dropped;    /* as it said last; -1: it has said nothing yet */
    msg_watch_tail_t question; /* the cursor goes on */
} tail_node_t;

typedef struct tail_kept {
    int64_t number; /* as it came: order of those that began at the same time */
    size_t node;
    obj_tail_entry_t entry;
} tail_kept_t;

typedef struct tail {
    front_client_t *client;
    msg_watch_tail_t question;
    const char *only; /* --node, or NULL */
    bool json, once, traced, refused;
    tail_node_t nodes[FRONT_CLIENT_NODES_MAX];
    size_t nodes_count;
    tail_kept_t *kept;
    size_t kept_count, kept_capacity;
    int64_t number, first_at, lost, bodies_dropped, told_at;
} tail_t;

/* ---- showing ---- */

static void
tail_show_json(const tail_t *self, const tail_kept_t *kept)
{
    static char text[8192];
    size_t length = codec_encode(CODEC_JSON, &type_tail_entry, NULL, &kept->entry, (uint8_t *)text, sizeof text);
    ACT_ASSERT(length > 0);
    printf("{\"node\":");
    front_client_write_json(stdout, self->nodes[kept->node].name);
    printf(",%.*s\n", (int)length - 1, text + 1);
}

static void
tail_show_line(tail_t *self, const tail_kept_t *kept)
{
    const obj_tail_entry_t *entry = &kept->entry;
    if (self->traced) {
        self->first_at = self->first_at == 0 ? entry->at_us : self->first_at;
        printf("%+12.3f ms", (double)(entry->at_us - self->first_at) / 1000);
    } else {
        time_t seconds = entry->at_us / 1000000;
        struct tm when;
        localtime_r(&seconds, &when);
        printf("%02d:%02d:%02d.%06d", when.tm_hour, when.tm_min, when.tm_sec, (int)(entry->at_us % 1000000));
    }
    const char *name = self->nodes[kept->node].name;
    printf("  %s%s%s/%" PRId64 " %s  %s  %" PRId64 " us  from %s", name, *name ? " " : "", entry->kind, entry->thread,
           *entry->key ? entry->key : "-", entry->message, entry->handler_us, entry->from);
    if (!self->traced && strspn(entry->trace, "0") < strlen(entry->trace)) {
        printf("  trace %s", entry->trace);
    }
    printf("%s%s\n", entry->has_body ? "  " : "", entry->has_body ? entry->body : "");
}

static int
tail_compare(const void *left, const void *right)
{
    const tail_kept_t *a = left, *b = right;
    if (a->entry.at_us != b->entry.at_us) {
        return a->entry.at_us < b->entry.at_us ? -1 : 1;
    }
    return a->number < b->number ? -1 : 1;
}

/* Shows what began until `horizon`; later ones wait for what a slower process may still have. */
static void
tail_show(tail_t *self, int64_t horizon)
{
    if (self->kept_count == 0) {
        return;
    }
    qsort(self->kept, self->kept_count, sizeof *self->kept, tail_compare);
    size_t shown = 0;
    while (shown < self->kept_count && self->kept[shown].entry.at_us <= horizon) {
        if (self->json) {
            tail_show_json(self, &self->kept[shown++]);
        } else {
            tail_show_line(self, &self->kept[shown++]);
        }
    }
    self->kept_count -= shown;
    memmove(self->kept, self->kept + shown, self->kept_count * sizeof *self->kept);
    fflush(stdout);
}

static void
tail_keep(tail_t *self, size_t node, const obj_tail_entry_t *entry)
{
    if (self->kept_count == TAIL_KEPT_MAX) {
        tail_show(self, INT64_MAX);
    }
    if (self->kept_count == self->kept_capacity) {
        self->kept_capacity = self->kept_capacity ? 2 * self->kept_capacity : 256;
        self->kept = realloc(self->kept, self->kept_capacity * sizeof *self->kept);
        ACT_ASSERT(self->kept != NULL);
    }
    self->kept[self->kept_count++] = (tail_kept_t){.number = self->number++, .node = node, .entry = *entry};
}

/* ---- asking ---- */

static tail_node_t *
tail_node(tail_t *self, const char *name)
{
    for (size_t i = 0; i < self->nodes_count; i++) {
        if (strcmp(self->nodes[i].name, name) == 0) {
            return &self->nodes[i];
        }
    }
    if (self->nodes_count == FRONT_CLIENT_NODES_MAX) {
        return NULL;
    }
    tail_node_t *node = &self->nodes[self->nodes_count++];
    *node = (tail_node_t){.question = self->question, .bodies_dropped = -1};
    snprintf(node->name, sizeof node->name, "%.*s", ACT_KEY_MAX, name);
    return node;
}

/* Who is there now. False: nobody answers. */
static bool
tail_look(tail_t *self)
{
    static char names[FRONT_CLIENT_NODES_MAX][ACT_KEY_MAX + 1];
    size_t count = front_client_nodes(self->client, names);
    bool found = self->only == NULL;
    for (size_t i = 0; i < self->nodes_count; i++) {
        self->nodes[i].present = false;
    }
    for (size_t i = 0; i < count; i++) {
        tail_node_t *node = NULL;
        if (self->only == NULL || strcmp(self->only, names[i]) == 0) {
            found = true;
            node = tail_node(self, names[i]);
        }
        if (node != NULL) {
            node->present = true;
            node->asked = false; /* its answer may have been passed over while who is there was asked */
        }
    }
    if (count > 0 && !found) {
        fprintf(stderr, "playhouse tail: there is no process '%s'; there are:", self->only);
        for (size_t i = 0; i < count; i++) {
            fprintf(stderr, " %s", *names[i] ? names[i] : "(one without a name)");
        }
        fprintf(stderr, "\n");
    }
    return count > 0 && found;
}

static void
tail_take(tail_t *self, const msg_t *msg)
{
    size_t index = msg->correlation & 255;
    tail_node_t *node = index < self->nodes_count ? &self->nodes[index] : NULL;
    if (node == NULL || !node->asked || msg->correlation >> 8 != node->ask) {
        return; /* of an earlier ask, which was given up: the same will come once more */
    }
    node->asked = false;
    node->answered = true;
    if (msg->type == MSG_WATCH_REFUSED) {
        fprintf(stderr, "playhouse tail: %s\n", ((const msg_watch_refused_t *)msg->body)->why);
        self->refused = true;
    }
    if (msg->type != MSG_WATCH_TAILED) {
        return; /* act.no_answer: it has gone, or is asked again */
    }
    const msg_watch_tailed_t *tailed = msg->body;
    for (uint32_t i = 0; i < tailed->entries_len; i++) {
        tail_keep(self, index, &tailed->entries[i]);
        node->last_at = tailed->entries[i].at_us;
    }
    node->more = tailed->more;
    node->question.has_cursor = true;
    node->question.cursor_len = tailed->cursor_len;
    memcpy(node->question.cursor, tailed->cursor, sizeof tailed->cursor);
    self->lost += tailed->lost;
    if (node->bodies_dropped >= 0 && tailed->bodies_dropped > node->bodies_dropped) {
        self->bodies_dropped += tailed->bodies_dropped - node->bodies_dropped;
    }
    node->bodies_dropped = tailed->bodies_dropped;
    if (tailed->bodies_full) {
        fprintf(stderr, "playhouse tail: bodies are not shown: as many others watch as may\n");
        node->question.bodies = false;
    }
}

/* One round: everybody is asked once, and what came is shown in order. */
static void
tail_round(tail_t *self)
{
    int64_t now = front_client_now();
    size_t waiting = 0;
    for (size_t i = 0; i < self->nodes_count; i++) {
        tail_node_t *node = &self->nodes[i];
        node->more = false;
        if (node->present && (!node->asked || now - node->asked_at > 6 * (int64_t)ACT_SEC)) {
            node->ask++;
            node->asked =
                front_client_send(self->client, MSG_WATCH_TAIL, node->name, &node->question, node->ask << 8 | i);
            node->asked_at = now;
        }
        waiting += node->present && node->asked;
    }
    for (int64_t left;
         waiting > 0 && (left = now + FRONT_CLIENT_ANSWER_SEC * (int64_t)ACT_SEC - front_client_now()) > 0;) {
        msg_t msg;
        front_client_heard_t heard = front_client_receive(self->client, &msg, left / ACT_MSEC + 1);
        if (heard == FRONT_CLIENT_ANSWER) {
            tail_take(self, &msg);
            waiting = 0;
            for (size_t i = 0; i < self->nodes_count; i++) {
                waiting += self->nodes[i].present && self->nodes[i].asked;
            }
        } else if (heard == FRONT_CLIENT_FAULT || front_client_stopped()) {
            self->refused = heard == FRONT_CLIENT_FAULT;
            return;
        }
    }
}

static bool
tail_has_more(const tail_t *self, int64_t *horizon)
{
    bool more = false;
    *horizon = INT64_MAX;
    for (size_t i = 0; i < self->nodes_count; i++) {
        if (self->nodes[i].present && self->nodes[i].more) {
            more = true;
            *horizon = self->nodes[i].last_at < *horizon ? self->nodes[i].last_at : *horizon;
        }
    }
    return more;
}

/* Waits for the next round; a signal ends it. */
static void
tail_pause(tail_t *self)
{
    int64_t until = front_client_now() + TAIL_POLL_MSEC * (int64_t)ACT_MSEC;
    for (int64_t left; (left = until - front_client_now()) > 0 && !front_client_stopped();) {
        msg_t msg;
        if (front_client_receive(self->client, &msg, left / ACT_MSEC + 1) == FRONT_CLIENT_ANSWER) {
            tail_take(self, &msg);
        }
    }
}

/* What could not be shown, at most once in TAIL_TELL_SEC; `end`: now. */
static void
tail_tell_lost(tail_t *self, bool end)
{
    int64_t now = front_client_now();
    if (!end && now - self->told_at < TAIL_TELL_SEC * (int64_t)ACT_SEC) {
        return;
    }
    self->told_at = now;
    if (self->lost > 0) {
        fprintf(stderr,
                "playhouse tail: %" PRId64 " messages were forgotten before they could be looked at: each mailbox "
                "remembers its last 1024\n",
                self->lost);
    }
    if (self->bodies_dropped > 0) {
        fprintf(stderr, "playhouse tail: %" PRId64 " bodies were left out so as not to slow anybody; try --sample\n",
                self->bodies_dropped);
    }
    self->lost = self->bodies_dropped = 0;
}

static int
tail_follow(tail_t *self, int64_t seconds)
{
    int64_t end = seconds > 0 ? front_client_now() + seconds * ACT_SEC : INT64_MAX, looked = 0;
    while (!front_client_stopped() && !self->refused && front_client_now() < end) {
        if (looked == 0 || front_client_now() - looked > FRONT_CLIENT_REFRESH_SEC * (int64_t)ACT_SEC) {
            if (!tail_look(self)) {
                return front_client_stopped() ? EXIT_SUCCESS : EXIT_FAILURE;
            }
            looked = front_client_now();
        }
        int64_t horizon;
        tail_round(self);
        bool more = tail_has_more(self, &horizon);
        if (self->once && !more) {
            break;
        }
        if (!self->once) {
            tail_show(self, horizon);
            tail_tell_lost(self, false);
        }
        if (!more && !self->refused) {
            tail_pause(self);
        }
    }
    tail_show(self, INT64_MAX);
    tail_tell_lost(self, true);
    return self->refused ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* A text of the filter; false after saying that it is too long. */
static bool
tail_set(const char *option, const char *text, char *to, size_t size, bool *has)
{
    if (text == NULL) {
        return true;
    }
    *has = true;
    size_t length = strlen(text);
    bool good = length > 0 && length < size;
    for (size_t i = 0; i < length && good; i++) {
        good = text[i] > ' ' && text[i] <= '~';
    }
    if (!good) {
        fprintf(stderr, "playhouse tail: %s must be 1 to %zu letters of ASCII\n", option, size - 1);
        return false;
    }
    memcpy(to, text, length + 1);
    return true;
}

static bool
tail_set_trace(const char *text, msg_watch_tail_t *question)
{
    if (text != NULL && (strlen(text) != 32 || strspn(text, "0123456789abcdefABCDEF") != 32)) {
        fprintf(stderr, "playhouse tail: --trace is 32 hex digits, as logs and tail show them\n");
        return false;
    }
    return tail_set("--trace", text, question->trace, sizeof question->trace, &question->has_trace);
}

int
cmd_tail(int argc, char **argv, config_t *config)
{
    tail_t self = {0};
    const char *actor = NULL, *key = NULL, *type = NULL, *trace = NULL, *front = NULL;
    int64_t sample = 1, seconds = 0;
    bool bodies = false, past = false;
    const cli_option_t options[] = {{.name = "--actor", .text = &actor},
                                    {.name = "--key", .text = &key},
                                    {.name = "--type", .text = &type},
                                    {.name = "--trace", .text = &trace},
                                    {.name = "--node", .text = &self.only},
                                    {.name = "--front", .text = &front},
                                    {.name = "--bodies", .flag = &bodies},
                                    {.name = "--past", .flag = &past},
                                    {.name = "--once", .flag = &self.once},
                                    {.name = "--json", .flag = &self.json},
                                    {.name = "--sample", .number = &sample, .min = 1, .max = 1000000},
                                    {.name = "--seconds", .number = &seconds, .min = 1, .max = 86400},
                                    {.name = NULL}};
    if (!cli_options(options, &argc, argv)) {
        return 2;
    }
    if (argc > 1) {
        return cli_misuse("tail", argv[1]);
    }
    msg_watch_tail_t *question = &self.question;
    if (!tail_set("--actor", actor, question->kind, sizeof question->kind, &question->has_kind) ||
        !tail_set("--key", key, question->key, sizeof question->key, &question->has_key) ||
        !tail_set("--type", type, question->message, sizeof question->message, &question->has_message) ||
        !tail_set_trace(trace, question)) {
        return 2;
    }
    question->has_sample = sample > 1;
    question->sample = sample;
    question->has_bodies = question->bodies = bodies;
    question->has_past = question->past = past || self.once || trace != NULL;
    self.traced = trace != NULL;
    self.client = front_client_new("tail", front, config);
    if (self.client == NULL) {
        return 2;
    }
    int status = tail_follow(&self, seconds);
    front_client_destroy(&self.client);
    free(self.kept);
    return status;
}
