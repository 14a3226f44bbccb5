/* The built page, from its folder: index.html is asked for anew each time, what has a hash in its name never again. */
#include "server_state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *
server_file_type(const char *path)
{
    static const char *const types[][2] = {
        {".html", "text/html; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".json", "application/json"},
        {".map", "application/json"},
        {".svg", "image/svg+xml"},
        {".png", "image/png"},
        {".ico", "image/x-icon"},
        {".webp", "image/webp"},
        {".woff2", "font/woff2"},
        {".txt", "text/plain; charset=utf-8"},
    };
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot != NULL && i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcmp(dot, types[i][0]) == 0) {
            return types[i][1];
        }
    }
    return "application/octet-stream";
}

/* Nothing that climbs, hides, or is odd: what the build makes has plain names. */
static bool
server_path_ok(const char *path)
{
    for (const char *at = path; *at != '\0'; at++) {
        bool plain = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || (*at >= '0' && *at <= '9') ||
                     strchr("/._-", *at) != NULL;
        if (!plain || (at[0] == '/' && (at[1] == '.' || at[1] == '/'))) {
            return false;
        }
    }
    return path[0] == '/';
}

/* The whole file, from malloc; NULL: errno says why not. */
static uint8_t *
server_file_read(const char *path, size_t *length)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    struct stat info;
    if (file < 0) {
        return NULL;
    }
    uint8_t *bytes = NULL;
    *length = 0;
    if (fstat(file, &info) == 0 && S_ISREG(info.st_mode) && info.st_size <= SERVER_FILE_MAX) {
        bytes = malloc((size_t)info.st_size + 1);
        ACT_ASSERT(bytes != NULL);
        ssize_t got = 1;
        while (*length < (size_t)info.st_size && got > 0) {
            got = read(file, bytes + *length, (size_t)info.st_size - *length);
            *length += got > 0 ? (size_t)got : 0;
        }
        if (got < 0) {
            free(bytes);
            bytes = NULL;
        }
    }
    close(file);
    return bytes;
}

static void
server_static_missing(server_http_t *exchange, const char *folder, bool no_page)
{
    static const char plain[] = "There is nothing at this address. The page is at /.\n";
    char text[512];
    int length = snprintf(text, sizeof(text),
                          "The server runs, but the page is not built: there is no index.html in \"%.200s\".\n"
                          "Build it with: cd web-client && npm ci && npm run build\n"
                          "or name its folder with gateway.static.\n",
                          folder);
    wire_answer_t answer = {.status = 404,
                            .content_type = "text/plain; charset=utf-8",
                            .body = no_page ? text : plain,
                            .length = no_page ? (size_t)length : sizeof(plain) - 1};
    server_http_answer(exchange, &answer);
}

void
server_static_answer(server_http_t *exchange, const char *path)
{
    const char *folder = exchange->server->config->static_folder;
    bool root = strcmp(path, "/") == 0;
    folder = folder != NULL ? folder : "";
    if (exchange->request.method != WIRE_GET && !exchange->head) {
        wire_answer_t answer = {.status = 405, .content_type = "text/plain", .body = "", .allow = "GET, HEAD"};
        server_http_answer(exchange, &answer);
        return;
    }
    path = root ? "/index.html" : path;
    char whole[4096];
    size_t length;
    uint8_t *bytes = NULL;
    if (folder[0] != '\0' && server_path_ok(path) &&
        (size_t)snprintf(whole, sizeof(whole), "%s%s", folder, path) < sizeof(whole)) {
        bytes = server_file_read(whole, &length);
    }
    if (bytes == NULL) {
        server_static_missing(exchange, folder, root);
        return;
    }
    bool hashed = strncmp(path, "/assets/", strlen("/assets/")) == 0; /* where the build puts what it names by hash */
    wire_answer_t answer = {.status = 200,
                            .content_type = server_file_type(path),
                            .body = bytes,
                            .length = length,
                            .cache = hashed ? "public, max-age=31536000, immutable" : "no-cache"};
    server_http_answer(exchange, &answer);
    free(bytes);
}
