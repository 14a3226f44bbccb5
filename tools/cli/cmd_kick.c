#include <stdlib.h>
#include <string.h>

#include "admin.h"
#include "cli.h"
#include "cli_words.h"

/* Who is to go: SESSION, --session ID or --character ID, one of them. NULL after saying what is wrong. */
static const char *
kick_whom(int argc, char **argv, const char *session, const char *character)
{
    int words = session || character ? 2 : 3;
    if (argc < words || (session && character)) {
        cli_lacks("kick", "INSTANCE and SESSION, or INSTANCE and --character ID, are needed");
        return NULL;
    }
    if (argc > words) {
        cli_misuse("kick", argv[words]);
        return NULL;
    }
    const char *who = character ? character : session ? session : argv[2];
    bool good =
        cli_word_id("kick", "INSTANCE", argv[1]) && cli_word_id("kick", character ? "--character" : "SESSION", who);
    return good ? who : NULL;
}

int
cmd_kick(int argc, char **argv, config_t *config)
{
    const char *session = NULL;
    const char *character = NULL;
    const cli_option_t options[] = {
        {.name = "--session", .text = &session}, {.name = "--character", .text = &character}, {.name = NULL}};
    const char *who = cli_options(options, &argc, argv) ? kick_whom(argc, argv, session, character) : NULL;
    if (!who) {
        return 2;
    }
    obj_kick_request_t kick = {.has_session_id = !character, .has_character_id = character != NULL};
    snprintf(character ? kick.character_id : kick.session_id, sizeof(kick.session_id), "%s", who);
    obj_leave_result_t result;
    const admin_t admin = {.command = "kick", .config = config, .instance = argv[1]};
    int status = admin_ask(&admin, "/kick", &type_kick_request, &kick, &type_leave_result, &result);
    if (status == EXIT_SUCCESS && result.left) {
        printf("%s%s was ended\n", character ? "the session of character " : "session ", who);
    } else if (status == EXIT_SUCCESS) {
        fprintf(stderr, "playhouse kick: there is no session%s '%s' on %s\n", character ? " of character" : "", who,
                argv[1]);
        status = EXIT_FAILURE;
    }
    return status;
}
