#include "cert.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

enum {
    CERT_STRANGERS = 027, /* bits of the mode that let others read a secret, or the group write it */
    CERT_KEY_BYTES = 32,
};

static const char cert_alphanumeric[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

static bool
cert_fault(char *why, size_t why_size, const char *what, const char *detail)
{
    snprintf(why, why_size, "%s%s%s", what, *detail != '\0' ? ": " : "", detail);
    return false;
}

bool
cert_name_is_good(const char *name)
{
    static const char inside[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t length = strspn(name, inside);
    return length > 0 && length <= CERT_NAME_MAX && name[length] == '\0' && strspn(name, cert_alphanumeric) > 0;
}

bool
cert_key_is_good(const char *key)
{
    static const char z85[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
    uint8_t bytes[CERT_KEY_BYTES];
    return strspn(key, z85) == CERT_KEY_SIZE - 1 && key[CERT_KEY_SIZE - 1] == '\0' &&
           zmq_z85_decode(bytes, key) != NULL;
}

/* ---- reading ---- */

/* `  NAME = "VALUE"`, and perhaps a comment. False: the line is something else. */
static bool
cert_read_value(const char *line, const char *name, const char **value, size_t *length)
{
    size_t indent = strspn(line, " \t"), name_length = strlen(name);
    const char *at = line + indent;
    if (indent == 0 || strncmp(at, name, name_length) != 0) {
        return false;
    }
    at += name_length;
    at += strspn(at, " \t");
    if (*at != '=') {
        return false;
    }
    at++;
    at += strspn(at, " \t");
    if (*at != '"') {
        return false;
    }
    *value = at + 1;
    *length = strcspn(at + 1, "\"");
    return at[1 + *length] == '"';
}

/* Takes a key if the line gives it. False: it is no key, or was there already. */
static bool
cert_take_key(const char *line, const char *name, char key[CERT_KEY_SIZE])
{
    const char *value;
    size_t length;
    if (!cert_read_value(line, name, &value, &length)) {
        return true;
    }
    if (key[0] != '\0' || length != CERT_KEY_SIZE - 1) {
        return false;
    }
    memcpy(key, value, length);
    key[length] = '\0';
    return cert_key_is_good(key);
}

/* Cuts `text` into lines; looks at those of the section `curve`. */
static bool
cert_parse(char *text, cert_t *cert)
{
    bool in_curve = false, good = true;
    *cert = (cert_t){.public_key = ""};
    for (char *line = text, *next; *line != '\0' && good; line = next) {
        size_t length = strcspn(line, "\n");
        next = line + length + (line[length] == '\n');
        line[length] = '\0';
        if (length > 0 && line[length - 1] == '\r') {
            line[length - 1] = '\0';
        }
        if (strchr(" \t#", *line) == NULL) { /* the NUL of an empty line is found too */
            size_t name = strcspn(line, " \t#=");
            in_curve = name == strlen("curve") && strncmp(line, "curve", name) == 0;
        } else if (in_curve) {
            good = cert_take_key(line, "public-key", cert->public_key) &&
                   cert_take_key(line, "secret-key", cert->secret_key);
        }
    }
    return good && cert->public_key[0] != '\0';
}

/* The whole of a small regular file. `text` has CERT_FILE_MAX + 1 bytes. */
static bool
cert_read_file(const char *path, bool secret, char *text, char *why, size_t why_size)
{
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat about;
    if (file < 0 || fstat(file, &about) != 0) {
        const char *error = strerror(errno);
        if (file >= 0) {
            close(file);
        }
        return cert_fault(why, why_size, "cannot be opened", error);
    }
    ssize_t length = S_ISREG(about.st_mode) ? read(file, text, CERT_FILE_MAX + 1) : -1;
    close(file);
    if (length < 0 || length > CERT_FILE_MAX || memchr(text, '\0', (size_t)length) != NULL) {
        return cert_fault(why, why_size, "is no certificate", "a small text file was expected");
    }
    text[length] = '\0';
    if (secret && (about.st_mode & CERT_STRANGERS) != 0) {
        return cert_fault(why, why_size, "is open to others", "chmod 600 it, or make new keys if it was read");
    }
    return true;
}

bool
cert_read_public(const char *path, cert_t *cert, char *why, size_t why_size)
{
    char text[CERT_FILE_MAX + 1];
    bool good =
        cert_read_file(path, false, text, why, why_size) &&
        (cert_parse(text, cert) || cert_fault(why, why_size, "is no certificate", "no usable curve/public-key"));
    explicit_bzero(text, sizeof text);
    explicit_bzero(cert->secret_key, sizeof cert->secret_key);
    return good;
}

bool
cert_read_secret(const char *path, cert_t *cert, char *why, size_t why_size)
{
    char text[CERT_FILE_MAX + 1], derived[CERT_KEY_SIZE] = "";
    bool good = cert_read_file(path, true, text, why, why_size);
    if (good && (!cert_parse(text, cert) || cert->secret_key[0] == '\0')) {
        good = cert_fault(why, why_size, "is no secret certificate", "curve/public-key and secret-key are needed");
    } else if (good && (zmq_curve_public(derived, cert->secret_key) != 0 || strcmp(derived, cert->public_key) != 0)) {
        good = cert_fault(why, why_size, "is no secret certificate", "its two keys do not belong together");
    }
    explicit_bzero(text, sizeof text);
    if (!good) {
        cert_wipe(cert);
    }
    return good;
}

void
cert_wipe(cert_t *cert)
{
    explicit_bzero(cert, sizeof *cert);
}

/* ---- making ---- */

static bool
cert_write_file(const char *path, mode_t mode, const char *text, char *why, size_t why_size)
{
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (file < 0) {
        return cert_fault(why, why_size, path,
                          errno == EEXIST ? "is there already; nothing is overwritten" : strerror(errno));
    }
    size_t length = strlen(text);
    /* The mode again: a umask may have cut it. */
    bool good = write(file, text, length) == (ssize_t)length && fchmod(file, mode) == 0 && fsync(file) == 0;
    int error = errno;
    good = close(file) == 0 && good;
    if (!good) {
        unlink(path);
        return cert_fault(why, why_size, path, strerror(error));
    }
    return true;
}

static bool
cert_path(char *path, size_t size, const char *folder, const char *name, const char *suffix, char *why, size_t why_size)
{
    return (size_t)snprintf(path, size, "%s/%s%s", folder, name, suffix) < size ||
           cert_fault(why, why_size, "the folder's name is too long", folder);
}

static bool
cert_write(const char *folder, const char *name, const cert_t *keys, char *why, size_t why_size)
{
    char secret_path[PATH_MAX], public_path[PATH_MAX], text[1024];
    if (!cert_path(secret_path, sizeof secret_path, folder, name, CERT_SECRET_SUFFIX, why, why_size) ||
        !cert_path(public_path, sizeof public_path, folder, name, CERT_PUBLIC_SUFFIX, why, why_size)) {
        return false;
    }
    snprintf(text, sizeof text,
             "#   ZeroMQ CURVE secret certificate of %s: for its owner alone\n\n"
             "metadata\n    name = \"%s\"\ncurve\n    public-key = \"%s\"\n    secret-key = \"%s\"\n",
             name, name, keys->public_key, keys->secret_key);
    bool good = cert_write_file(secret_path, 0600, text, why, why_size);
    explicit_bzero(text, sizeof text);
    if (!good) {
        return false;
    }
    snprintf(text, sizeof text,
             "#   ZeroMQ CURVE public certificate of %s\n\n"
             "metadata\n    name = \"%s\"\ncurve\n    public-key = \"%s\"\n",
             name, name, keys->public_key);
    if (!cert_write_file(public_path, 0644, text, why, why_size)) {
        unlink(secret_path);
        return false;
    }
    return true;
}

bool
cert_make(const char *folder, const char *name, cert_t *cert, char *why, size_t why_size)
{
    cert_t keys;
    if (!cert_name_is_good(name)) {
        return cert_fault(why, why_size, "a name is 1 to 63 letters, digits, '.', '_' and '-'", name);
    }
    if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
        return cert_fault(why, why_size, folder, strerror(errno));
    }
    if (zmq_curve_keypair(keys.public_key, keys.secret_key) != 0) {
        return cert_fault(why, why_size, "libzmq was built without CURVE", "");
    }
    bool good = cert_write(folder, name, &keys, why, why_size);
    if (good && cert != NULL) {
        *cert = (cert_t){.public_key = ""};
        memcpy(cert->public_key, keys.public_key, sizeof keys.public_key);
    }
    cert_wipe(&keys);
    return good;
}
