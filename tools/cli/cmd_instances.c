#include <stdlib.h>
#include <string.h>

#include "admin.h"
#include "cli.h"
#include "cli_words.h"

enum { SESSIONS_REST_CAP = 64 };

int
cmd_instances(int argc, char **argv, config_t *config)
{
    bool json = false;
    const cli_option_t options[] = {{.name = "--json", .flag = &json}, {.name = NULL}};
    if (!cli_options(options, &argc, argv)) {
        return 2;
    }
    if (argc > 1) {
        return cli_misuse("instances", argv[1]);
    }
    static obj_instance_list_t list;
    const admin_t admin = {.command = "instances", .config = config};
    int status = admin_ask(&admin, "", NULL, NULL, &type_instance_list, &list);
    if (status == EXIT_SUCCESS && json) {
        admin_print_json(&type_instance_list, &list, stdout);
    } else if (status == EXIT_SUCCESS) {
        admin_print_instances(list.instances, list.instances_len, stdout);
    }
    return status;
}

static void
sessions_print(const obj_session_view_t *session, FILE *out)
{
    char left[CLI_SECONDS_TEXT_CAP] = "-";
    char name[sizeof(session->name)];
    if (session->has_left_seconds) {
        cli_seconds_text(session->left_seconds, left);
    }
    cli_plain_text(session->name, name, sizeof(name));
    fprintf(out, "%8lld  %-24s  %-24s  %-10s  %8s  %-16s  %s\n", (long long)session->number, session->session_id,
            session->character_id, session_state_names[session->state], left, *session->room ? session->room : "-",
            name);
}

static void
sessions_print_json(const obj_session_view_t *session, bool first, FILE *out)
{
    char text[1024];
    size_t length = codec_encode(CODEC_JSON, &type_session_view, NULL, session, (uint8_t *)text, sizeof(text));
    fprintf(out, "%s%.*s", first ? "" : ",", (int)length, text);
}

/* All pages, one after the other, until one is empty. */
static int
sessions_list(const admin_t *admin, bool json, FILE *out)
{
    static obj_session_list_t page;
    int64_t after = 0;
    uint64_t count = 0;
    do {
        char rest[SESSIONS_REST_CAP];
        snprintf(rest, sizeof(rest), "/sessions?after=%lld", (long long)after);
        int status = admin_ask(admin, rest, NULL, NULL, &type_session_list, &page);
        if (status != EXIT_SUCCESS) {
            return status;
        }
        for (uint32_t i = 0; i < page.sessions_len; i++, count++) {
            if (page.sessions[i].number <= after) {
                fprintf(stderr, "playhouse sessions: the server lists sessions out of order: is it another build?\n");
                return EXIT_FAILURE;
            }
            after = page.sessions[i].number;
            if (json) {
                sessions_print_json(&page.sessions[i], count == 0, out);
            } else {
                sessions_print(&page.sessions[i], out);
            }
        }
    } while (page.sessions_len > 0);
    return EXIT_SUCCESS;
}

int
cmd_sessions(int argc, char **argv, config_t *config)
{
    bool json = false;
    const cli_option_t options[] = {{.name = "--json", .flag = &json}, {.name = NULL}};
    if (!cli_options(options, &argc, argv)) {
        return 2;
    }
    if (argc < 2) {
        return cli_lacks("sessions", "of which INSTANCE? `playhouse instances` lists them");
    }
    if (argc > 2) {
        return cli_misuse("sessions", argv[2]);
    }
    if (!cli_word_id("sessions", "INSTANCE", argv[1])) {
        return 2;
    }
    /* Half a list is worse than none: it is printed when all of it is here. */
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out) {
        fprintf(stderr, "playhouse sessions: out of memory\n");
        return EXIT_FAILURE;
    }
    const admin_t admin = {.command = "sessions", .config = config, .instance = argv[1]};
    int status = sessions_list(&admin, json, out);
    fclose(out);
    if (status == EXIT_SUCCESS && json) {
        printf("{\"sessions\":[%s]}\n", text);
    } else if (status == EXIT_SUCCESS) {
        printf("%8s  %-24s  %-24s  %-10s  %8s  %-16s  %s\n%s", "NUMBER", "SESSION", "CHARACTER", "STATE", "LEFT",
               "ROOM", "NAME", text);
    }
    free(text);
    return status;
}
