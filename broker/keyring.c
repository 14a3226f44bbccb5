#include "keyring.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "act.h"
#include "log.h"
#include "fnv.h"

typedef struct keyring_entry {
    char public_key[CERT_KEY_SIZE];
    char name[CERT_NAME_MAX + 1];
} keyring_entry_t;

typedef struct keyring_list {
    size_t count;
    keyring_entry_t entries[KEYRING_MAX]; /* by key */
} keyring_list_t;

struct keyring {
    char *folder;          /* "": none */
    uint64_t fingerprint;  /* of names, sizes, times and inodes of what was read last */
    bool unreadable;       /* said so already */
    pthread_rwlock_t lock; /* over `list`; the rest is for whoever looks, one at a time */
    pthread_mutex_t looking;
    keyring_list_t *list;
};

/* ---- reading the folder ---- */

/* Is it NAME.key? Then `name` is NAME. */
static bool
keyring_is_certificate(const char *file, char name[CERT_NAME_MAX + 1])
{
    size_t length = strlen(file), suffix = strlen(CERT_PUBLIC_SUFFIX);
    if (length <= suffix || length - suffix > CERT_NAME_MAX ||
        strcmp(file + length - suffix, CERT_PUBLIC_SUFFIX) != 0) {
        return false;
    }
    memcpy(name, file, length - suffix);
    name[length - suffix] = '\0';
    return cert_name_is_good(name);
}

/* A number that is another one when a certificate came, went or was written. Sums, because a folder has no order. */
static bool
keyring_fingerprint(const char *folder, uint64_t *fingerprint)
{
    DIR *entries = opendir(folder);
    if (entries == NULL) {
        return false;
    }
    *fingerprint = 1;
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        char name[CERT_NAME_MAX + 1];
        struct stat about;
        if (keyring_is_certificate(entry->d_name, name) && fstatat(dirfd(entries), entry->d_name, &about, 0) == 0) {
            uint64_t hash = fnv_text(FNV_64, name);
            hash = fnv_bytes(hash, &about.st_ino, sizeof about.st_ino);
            hash = fnv_bytes(hash, &about.st_size, sizeof about.st_size);
            hash = fnv_bytes(hash, &about.st_mtim, sizeof about.st_mtim);
            *fingerprint += fnv_bytes(hash, &about.st_ctim, sizeof about.st_ctim);
        }
    }
    closedir(entries);
    return true;
}

static int
keyring_compare(const void *a, const void *b)
{
    return memcmp(((const keyring_entry_t *)a)->public_key, ((const keyring_entry_t *)b)->public_key,
                  CERT_KEY_SIZE - 1);
}

static void
keyring_read_entry(const char *folder, const char *file, const char *name, keyring_list_t *list, keyring_news_t *news)
{
    char path[PATH_MAX], why[256] = "over the bound of certificates in one folder";
    cert_t cert;
    bool good = list->count < KEYRING_MAX && (size_t)snprintf(path, sizeof path, "%s/%s", folder, file) < sizeof path &&
                cert_read_public(path, &cert, why, sizeof why);
    if (!good) {
        news->unusable++;
        log_event(LOG_WARN, "certificate-unusable", "a certificate is not taken: who has that key is not let in",
                  LOG_S("folder", folder), LOG_S("file", file), LOG_S("why", why));
        return;
    }
    keyring_entry_t *entry = &list->entries[list->count++];
    memcpy(entry->public_key, cert.public_key, sizeof entry->public_key);
    memcpy(entry->name, name, strlen(name) + 1);
}

/* NULL: the folder cannot be read; errno says why. */
static keyring_list_t *
keyring_read(const char *folder, keyring_news_t *news)
{
    DIR *entries = opendir(folder);
    if (entries == NULL) {
        return NULL;
    }
    keyring_list_t *list = calloc(1, sizeof *list);
    ACT_ASSERT(list != NULL);
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        char name[CERT_NAME_MAX + 1];
        if (keyring_is_certificate(entry->d_name, name)) {
            keyring_read_entry(folder, entry->d_name, name, list, news);
        }
    }
    closedir(entries);
    qsort(list->entries, list->count, sizeof list->entries[0], keyring_compare);
    return list;
}

static const keyring_entry_t *
keyring_search(const keyring_list_t *list, const char *public_key)
{
    keyring_entry_t wanted;
    memcpy(wanted.public_key, public_key, CERT_KEY_SIZE - 1);
    return bsearch(&wanted, list->entries, list->count, sizeof list->entries[0], keyring_compare);
}

static size_t
keyring_missing(const keyring_list_t *before, const keyring_list_t *now)
{
    size_t missing = 0;
    for (size_t i = 0; i < before->count; i++) {
        missing += keyring_search(now, before->entries[i].public_key) == NULL;
    }
    return missing;
}

/* ---- outside ---- */

static void
keyring_say_unreadable(keyring_t *self)
{
    if (!self->unreadable) {
        self->unreadable = true;
        log_event(LOG_ERROR, "keys-unreadable", "a folder of certificates cannot be read: what was known stays allowed",
                  LOG_S("folder", self->folder), LOG_S("why", strerror(errno)));
    }
}

void
keyring_look(keyring_t *self, keyring_news_t *news)
{
    *news = (keyring_news_t){.changed = false};
    pthread_mutex_lock(&self->looking);
    uint64_t fingerprint = 0;
    keyring_list_t *fresh = NULL;
    if (*self->folder != '\0') {
        /* The fingerprint first: what changes while it is read is seen at the next look. */
        bool readable = keyring_fingerprint(self->folder, &fingerprint);
        if (readable && fingerprint != self->fingerprint) {
            fresh = keyring_read(self->folder, news);
            readable = fresh != NULL;
        }
        if (readable) {
            self->unreadable = false;
        } else {
            keyring_say_unreadable(self);
        }
    }
    if (fresh != NULL) {
        self->fingerprint = fingerprint;
        news->changed = true;
        news->removed = keyring_missing(self->list, fresh);
        pthread_rwlock_wrlock(&self->lock);
        keyring_list_t *stale = self->list;
        self->list = fresh;
        pthread_rwlock_unlock(&self->lock);
        free(stale);
    }
    news->count = self->list->count;
    pthread_mutex_unlock(&self->looking);
}

keyring_t *
keyring_open(const char *folder, char *why, size_t why_size)
{
    keyring_t *self = calloc(1, sizeof *self);
    ACT_ASSERT(self != NULL);
    self->folder = strdup(folder);
    self->list = calloc(1, sizeof *self->list);
    ACT_ASSERT(self->folder != NULL && self->list != NULL);
    pthread_rwlock_init(&self->lock, NULL);
    pthread_mutex_init(&self->looking, NULL);
    keyring_news_t news;
    keyring_look(self, &news);
    if (*folder != '\0' && !news.changed) {
        snprintf(why, why_size, "the folder '%s' cannot be read", folder);
        keyring_destroy(&self);
    }
    return self;
}

void
keyring_destroy(keyring_t **self_p)
{
    keyring_t *self = *self_p;
    if (self == NULL) {
        return;
    }
    pthread_rwlock_destroy(&self->lock);
    pthread_mutex_destroy(&self->looking);
    free(self->list);
    free(self->folder);
    free(self);
    *self_p = NULL;
}

bool
keyring_allows(keyring_t *self, const char *public_key, char name[CERT_NAME_MAX + 1])
{
    pthread_rwlock_rdlock(&self->lock);
    const keyring_entry_t *entry = keyring_search(self->list, public_key);
    if (entry != NULL && name != NULL) {
        memcpy(name, entry->name, sizeof entry->name);
    }
    pthread_rwlock_unlock(&self->lock);
    return entry != NULL;
}

bool
keyring_find(keyring_t *self, const char *name, char public_key[CERT_KEY_SIZE])
{
    bool found = false;
    pthread_rwlock_rdlock(&self->lock);
    for (size_t i = 0; i < self->list->count && !found; i++) {
        found = strcmp(self->list->entries[i].name, name) == 0;
        if (found) {
            memcpy(public_key, self->list->entries[i].public_key, CERT_KEY_SIZE);
        }
    }
    pthread_rwlock_unlock(&self->lock);
    return found;
}
