#include "config.h"

#include <czmq.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nearest.h"

typedef struct config_row {
    const char *key;
    config_type_t type;
    const char *fallback;
    int64_t min;
    int64_t max;
    const char *unit;
    const char *doc;
} config_row_t;

static const config_row_t config_rows[CONFIG_KEY_COUNT] = {
#define CONFIG(id, key, type, fallback, min, max, unit, doc) [id] = {key, type, fallback, min, max, unit, doc},
#include "config.tbl.h"
#undef CONFIG
};

enum {
    CONFIG_KEY_CAP = 128,     /* bytes of a key as somebody wrote it; longer ones are unknown anyway */
    CONFIG_WHERE_CAP = 512,   /* bytes of a place in a fault */
    CONFIG_LINE_CAP = 1024,   /* bytes of a line of a file: zconfig's own limit */
    CONFIG_FILE_CAP = 262144, /* bytes of a configuration file */
};

struct config {
    char *texts[CONFIG_KEY_COUNT];
    int64_t ints[CONFIG_KEY_COUNT]; /* of an int its value, of a bool 0 or 1 */
    bool set[CONFIG_KEY_COUNT];     /* by a file, a variable or a flag */
};

/* Variables that begin with PLAYHOUSE_ and are read by the build and the tests, not by the server. */
static const char *const config_foreign_variables[] = {
    "PLAYHOUSE_BUILD", "PLAYHOUSE_BINARY_DIR", "PLAYHOUSE_SOURCE_DIR", "PLAYHOUSE_BIN", "PLAYHOUSE_DEV_BIN",
    "PLAYHOUSE_SEED",  "PLAYHOUSE_SEEDS",      "PLAYHOUSE_CHROMIUM",   "PLAYHOUSE_URL", "PLAYHOUSE_WEB_OUT",
};

static int
config_find(const char *key)
{
    for (int i = 0; i < CONFIG_KEY_COUNT; i++) {
        if (strcmp(config_rows[i].key, key) == 0) {
            return i;
        }
    }
    return -1;
}

static void
config_variable_name(const char *key, char *name, size_t size)
{
    int length = snprintf(name, size, "PLAYHOUSE_%s", key);
    for (int i = 0; i < length && (size_t)i < size; i++) {
        name[i] = name[i] == '.' ? '_' : (char)toupper((unsigned char)name[i]);
    }
}

/* Puts " (did you mean x?)" or nothing into `hint`; `names` says how the known names look there. */
static void
config_hint(const char *word, bool variables, char *hint, size_t size)
{
    nearest_t nearest = nearest_start(word);
    char name[CONFIG_KEY_CAP];
    for (int i = 0; i < CONFIG_KEY_COUNT; i++) {
        if (variables) {
            config_variable_name(config_rows[i].key, name, sizeof(name));
            nearest_offer(&nearest, name);
        } else {
            nearest_offer(&nearest, config_rows[i].key);
        }
    }
    nearest_hint(&nearest, hint, size);
}

static bool
config_bool_parse(const char *text, int64_t *value)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(text, words[i]) == 0) {
            *value = (int64_t)(i % 2);
            return true;
        }
    }
    return false;
}

static bool
config_int_parse(const char *text, int64_t *value)
{
    if (*text != '-' && !isdigit((unsigned char)*text)) {
        return false;
    }
    char *end = NULL;
    errno = 0;
    long long parsed = strtoll(text, &end, 10);
    *value = parsed;
    return errno == 0 && end != text && *end == '\0';
}

/* `where` says where the value stands: file:line, the variable, or the flag. */
static bool
config_set(config_t *self, int key, const char *text, const char *where, FILE *faults)
{
    const config_row_t *row = &config_rows[key];
    int64_t value = 0;
    if (strlen(text) >= CONFIG_TEXT_CAP) {
        fprintf(faults, "%s: the value of %s is longer than %d bytes\n", where, row->key, CONFIG_TEXT_CAP - 1);
        return false;
    }
    if (row->type == CONFIG_BOOL && !config_bool_parse(text, &value)) {
        fprintf(faults, "%s: %s is '%s': it must be true or false\n", where, row->key, text);
        return false;
    }
    if (row->type == CONFIG_INT && (!config_int_parse(text, &value) || value < row->min || value > row->max)) {
        fprintf(faults, "%s: %s is '%s': it must be a whole number from %lld to %lld%s%s\n", where, row->key, text,
                (long long)row->min, (long long)row->max, *row->unit ? ", unit " : "", row->unit);
        return false;
    }
    if (row->type == CONFIG_TEXT) {
        char *copy = strdup(text);
        if (!copy) {
            fprintf(faults, "%s: out of memory\n", where);
            return false;
        }
        free(self->texts[key]);
        self->texts[key] = copy;
    }
    self->ints[key] = value;
    self->set[key] = true;
    return true;
}

config_t *
config_new(void)
{
    config_t *self = calloc(1, sizeof(*self));
    if (!self) {
        return NULL;
    }
    for (int i = 0; i < CONFIG_KEY_COUNT; i++) {
        if (!config_set(self, i, config_rows[i].fallback, "config.tbl.h", stderr)) {
            abort(); /* the table contradicts itself */
        }
        self->set[i] = false;
    }
    return self;
}

void
config_destroy(config_t **self_p)
{
    if (!*self_p) {
        return;
    }
    for (int i = 0; i < CONFIG_KEY_COUNT; i++) {
        free((*self_p)->texts[i]);
    }
    free(*self_p);
    *self_p = NULL;
}

/* zconfig does not say on which line a key stands, so this walks the text by its indentation, as zconfig does. Returns
 * 0 if it is not there. `nth` counts from 0 those of the same full name. */
static int
config_line(const char *text, const char *key, int nth)
{
    char path[8][CONFIG_KEY_CAP];
    int line = 0;
    for (const char *at = text; *at; line++) {
        size_t length = strcspn(at, "\n");
        size_t indent = strspn(at, " ");
        size_t level = indent / 4;
        const char *name = at + indent;
        size_t name_length = strcspn(name, " \t=#\r\n");
        if (level < 8 && name_length > 0 && name_length < CONFIG_KEY_CAP) {
            memcpy(path[level], name, name_length);
            path[level][name_length] = '\0';
            char full[8 * CONFIG_KEY_CAP] = "";
            size_t used = 0;
            for (size_t i = 0; i <= level; i++) {
                used += (size_t)snprintf(full + used, sizeof(full) - used, "%s%s", i ? "." : "", path[i]);
            }
            if (strcmp(full, key) == 0 && nth-- == 0) {
                return line + 1;
            }
        }
        at += length + (at[length] == '\n');
    }
    return 0;
}

typedef struct config_walk {
    config_t *self;
    const char *path;
    const char *text;
    FILE *faults;
    bool ok;
    struct {
        char key[CONFIG_KEY_CAP];
        int times;
    } seen[CONFIG_KEY_COUNT];
} config_walk_t;

static void
config_walk_leaf(config_walk_t *walk, const char *key, const char *value)
{
    int row = config_find(key);
    char where[CONFIG_WHERE_CAP];
    int nth = row >= 0 ? walk->seen[row].times++ : 0;
    snprintf(where, sizeof(where), "%s:%d", walk->path, config_line(walk->text, key, nth));
    if (row < 0) {
        char hint[CONFIG_KEY_CAP * 2];
        config_hint(key, false, hint, sizeof(hint));
        fprintf(walk->faults, "%s: unknown key '%s'%s\n", where, key, hint);
        walk->ok = false;
    } else if (nth > 0) {
        fprintf(walk->faults, "%s: %s is set for the second time\n", where, key);
        walk->ok = false;
    } else if (!config_set(walk->self, row, value, where, walk->faults)) {
        walk->ok = false;
    }
}

/* A section all of whose keys are commented out is still one. */
static bool
config_is_section(const char *name)
{
    size_t length = strlen(name);
    for (int i = 0; i < CONFIG_KEY_COUNT; i++) {
        if (strncmp(config_rows[i].key, name, length) == 0 && config_rows[i].key[length] == '.') {
            return config_find(name) < 0;
        }
    }
    return false;
}

static void
config_walk_tree(config_walk_t *walk, zconfig_t *parent, const char *prefix)
{
    for (zconfig_t *item = zconfig_child(parent); item; item = zconfig_next(item)) {
        char key[CONFIG_KEY_CAP];
        snprintf(key, sizeof(key), "%s%s%s", prefix, *prefix ? "." : "", zconfig_name(item));
        const char *value = zconfig_value(item);
        bool section = zconfig_child(item) != NULL || config_is_section(key);
        if (!section || (value && *value)) {
            config_walk_leaf(walk, key, value ? value : "");
        }
        if (zconfig_child(item)) {
            config_walk_tree(walk, item, key);
        }
    }
}

static char *
config_read(const char *path, FILE *faults)
{
    FILE *file = fopen(path, "re");
    if (!file) {
        fprintf(faults, "%s: cannot open the configuration: %s\n", path, strerror(errno));
        return NULL;
    }
    char *text = calloc(1, CONFIG_FILE_CAP + 1);
    size_t length = text ? fread(text, 1, CONFIG_FILE_CAP + 1, file) : 0;
    bool bad = !text || ferror(file);
    int code = errno;
    fclose(file);
    if (bad || length > CONFIG_FILE_CAP || strlen(text) != length) {
        fprintf(faults, "%s: cannot read the configuration: %s\n", path,
                bad                        ? strerror(code)
                : length > CONFIG_FILE_CAP ? "it is larger than 256 KiB"
                                           : "it has a NUL byte: is it text?");
        free(text);
        return NULL;
    }
    return text;
}

/* What is wrong with one line, or NULL. `level` is the depth of the line before, and of this one afterwards. */
static const char *
config_line_fault(const char *line, size_t length, size_t *level)
{
    size_t indent = strspn(line, " ");
    const char *name = line + indent;
    size_t rest = length > indent ? length - indent : 0;
    rest -= rest && name[rest - 1] == '\r';
    if (rest == 0 || *name == '#') {
        return NULL;
    }
    if (indent % 4 != 0 || indent / 4 > *level) {
        return "what belongs to a section is indented by four spaces more than its name";
    }
    *level = indent / 4 + 1;
    size_t word = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789$-_@.&+/");
    size_t at = word + strspn(name + word, " \t");
    if (word == 0 || (at < rest && name[at] != '=' && name[at] != '#')) {
        return "it is neither `name = value` nor the name of a section";
    }
    if (at < rest && name[at] == '=') {
        at += 1 + strspn(name + at + 1, " \t");
        if (at < rest && strchr("\"'", name[at]) && !memchr(name + at + 1, name[at], rest - at - 1)) {
            return "the quote is not closed";
        }
    }
    return NULL;
}

/* zconfig complains on standard output, so it is only given what it will take. */
static bool
config_syntax(const char *path, const char *text, FILE *faults)
{
    size_t level = 0;
    int line = 1;
    for (const char *at = text; *at; line++) {
        size_t length = strcspn(at, "\n");
        const char *fault = length >= CONFIG_LINE_CAP ? "it is too long" : config_line_fault(at, length, &level);
        if (fault) {
            fprintf(faults, "%s:%d: cannot read this line: %s\n", path, line, fault);
            return false;
        }
        at += length + (at[length] == '\n');
    }
    return true;
}

bool
config_load_file(config_t *self, const char *path, FILE *faults)
{
    char *text = config_read(path, faults);
    if (!text) {
        return false;
    }
    zconfig_t *root = config_syntax(path, text, faults) ? zconfig_str_load(text) : NULL;
    config_walk_t walk = {.self = self, .path = path, .text = text, .faults = faults, .ok = root != NULL};
    if (root) {
        config_walk_tree(&walk, root, "");
    }
    zconfig_destroy(&root);
    free(text);
    return walk.ok;
}

static bool
config_foreign(const char *name)
{
    for (size_t i = 0; i < sizeof(config_foreign_variables) / sizeof(config_foreign_variables[0]); i++) {
        if (strcmp(config_foreign_variables[i], name) == 0) {
            return true;
        }
    }
    return false;
}

bool
config_load_env(config_t *self, char *const *environment, FILE *faults)
{
    bool ok = true;
    for (char *const *entry = environment; *entry; entry++) {
        const char *equals = strchr(*entry, '=');
        if (strncmp(*entry, "PLAYHOUSE_", strlen("PLAYHOUSE_")) != 0 || !equals) {
            continue;
        }
        char name[CONFIG_KEY_CAP];
        snprintf(name, sizeof(name), "%.*s", (int)(equals - *entry), *entry);
        int row = -1;
        for (int i = 0; i < CONFIG_KEY_COUNT && row < 0; i++) {
            char known[CONFIG_KEY_CAP];
            config_variable_name(config_rows[i].key, known, sizeof(known));
            row = strcmp(known, name) == 0 ? i : -1;
        }
        if (row >= 0) {
            ok = config_set(self, row, equals + 1, name, faults) && ok;
        } else if (!config_foreign(name)) {
            char hint[CONFIG_KEY_CAP * 2];
            config_hint(name, true, hint, sizeof(hint));
            fprintf(faults, "environment: unknown variable %s%s\n", name, hint);
            ok = false;
        }
    }
    return ok;
}

/* The value of the flag argv[i], and how many words it took; NULL after writing the fault. */
static const char *
config_flag_value(int row, int argc, char **argv, int i, const char *equals, int *words, FILE *faults)
{
    *words = 1;
    if (equals) {
        return equals + 1;
    }
    const char *next = i + 1 < argc ? argv[i + 1] : NULL;
    int64_t ignored = 0;
    if (config_rows[row].type == CONFIG_BOOL && (!next || !config_bool_parse(next, &ignored))) {
        return "true";
    }
    if (!next || strncmp(next, "--", 2) == 0) {
        fprintf(faults, "%s: needs a value\n", argv[i]);
        return NULL;
    }
    *words = 2;
    return next;
}

bool
config_load_flags(config_t *self, int *argc, char **argv, FILE *faults)
{
    bool ok = true;
    int kept = 0;
    int words = 1;
    for (int i = 0; i < *argc; i += words) {
        words = 1;
        char key[CONFIG_KEY_CAP];
        const char *equals = strchr(argv[i], '=');
        bool flag = i > 0 && strncmp(argv[i], "--", 2) == 0;
        if (flag) {
            snprintf(key, sizeof(key), "%.*s", equals ? (int)(equals - argv[i] - 2) : (int)strlen(argv[i]),
                     argv[i] + 2);
        }
        int row = flag ? config_find(key) : -1;
        if (row >= 0) {
            char where[CONFIG_WHERE_CAP];
            snprintf(where, sizeof(where), "--%s", key);
            const char *value = config_flag_value(row, *argc, argv, i, equals, &words, faults);
            ok = value && config_set(self, row, value, where, faults) && ok;
        } else if (flag && strchr(key, '.')) {
            char hint[CONFIG_KEY_CAP * 2];
            config_hint(key, false, hint, sizeof(hint));
            fprintf(faults, "--%s: unknown key%s\n", key, hint);
            ok = false;
        } else {
            argv[kept++] = argv[i];
        }
    }
    *argc = kept;
    argv[kept] = NULL;
    return ok;
}

int64_t
config_int(const config_t *self, config_key_t key)
{
    return self->ints[key];
}

bool
config_bool(const config_t *self, config_key_t key)
{
    return self->ints[key] != 0;
}

const char *
config_text(const config_t *self, config_key_t key)
{
    return self->texts[key] ? self->texts[key] : "";
}

bool
config_is_set(const config_t *self, config_key_t key)
{
    return self->set[key];
}

static void
config_print_row(const config_row_t *row, const char *name, const char *indent, FILE *out)
{
    fprintf(out, "%s# %s", indent, row->doc);
    if (row->type == CONFIG_INT) {
        fprintf(out, " [%lld..%lld%s%s]", (long long)row->min, (long long)row->max, *row->unit ? " " : "", row->unit);
    } else if (*row->unit) {
        fprintf(out, " [%s]", row->unit);
    }
    bool plain = row->fallback[0] && !strpbrk(row->fallback, " #\"'=");
    fprintf(out, "\n%s%s = %s%s%s\n", indent, name, plain ? "" : "\"", row->fallback, plain ? "" : "\"");
}

/* The rows of `section` that begin with row `first`, nested as ZPL wants them; keys without a dot stand at the top. */
static void
config_print_section(int first, FILE *out)
{
    const char *dot = strchr(config_rows[first].key, '.');
    if (!dot) {
        config_print_row(&config_rows[first], config_rows[first].key, "", out);
        return;
    }
    size_t length = (size_t)(dot - config_rows[first].key) + 1;
    for (int i = 0; i < first; i++) {
        if (strncmp(config_rows[i].key, config_rows[first].key, length) == 0) {
            return; /* printed with the first of its section */
        }
    }
    fprintf(out, "%.*s\n", (int)length - 1, config_rows[first].key);
    for (int i = first; i < CONFIG_KEY_COUNT; i++) {
        if (strncmp(config_rows[i].key, config_rows[first].key, length) == 0) {
            config_print_row(&config_rows[i], config_rows[i].key + length, "    ", out);
        }
    }
}

void
config_print(FILE *out)
{
    fprintf(out,
            "# Playhouse, all keys with their defaults. In the environment gateway.port is PLAYHOUSE_GATEWAY_PORT,\n"
            "# on the command line --gateway.port; the command line is stronger than the environment, and that\n"
            "# is stronger than this file.\n");
    for (int i = 0; i < CONFIG_KEY_COUNT; i++) {
        config_print_section(i, out);
    }
}
