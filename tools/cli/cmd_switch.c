/* drain, maintenance and capacity: what an operator switches while the server runs. */
#include <stdlib.h>
#include <string.h>

#include "admin.h"
#include "cli.h"
#include "cli_words.h"

enum { SWITCH_SECONDS_MAX = 86400, SWITCH_CAPACITY_MAX = 1000000, SWITCH_MESSAGE_MAX = 200 };

/* Sends the change and prints how the instance stands after it. */
static int
switch_change(const char *command, const char *instance, const config_t *config, const obj_instance_change_t *change,
              bool json)
{
    obj_instance_info_t info;
    const admin_t admin = {.command = command, .config = config, .instance = instance};
    int status = admin_ask(&admin, "", &type_instance_change, change, &type_instance_info, &info);
    if (status == EXIT_SUCCESS && json) {
        admin_print_json(&type_instance_info, &info, stdout);
    } else if (status == EXIT_SUCCESS) {
        admin_print_instances(&info, 1, stdout);
    }
    return status;
}

/* INSTANCE and one word more: 0, or 2 after saying what is wrong. */
static int
switch_words(const char *command, const char *lacking, int argc, char **argv)
{
    if (argc < 3) {
        return cli_lacks(command, lacking);
    }
    if (argc > 3) {
        return cli_misuse(command, argv[3]);
    }
    return cli_word_id(command, "INSTANCE", argv[1]) ? 0 : 2;
}

int
cmd_drain(int argc, char **argv, config_t *config)
{
    bool json = false;
    const cli_option_t options[] = {{.name = "--json", .flag = &json}, {.name = NULL}};
    obj_instance_change_t change = {.has_drain = true};
    if (!cli_options(options, &argc, argv) ||
        switch_words("drain", "INSTANCE and on or off are needed", argc, argv) != 0 ||
        !cli_word_switch("drain", argv[2], &change.drain)) {
        return 2;
    }
    return switch_change("drain", argv[1], config, &change, json);
}

/* Code points of what may not be UTF-8 at all; the server looks closer. */
static size_t
switch_message_length(const char *text)
{
    size_t length = 0;
    for (; *text; text++) {
        length += ((unsigned char)*text & 0xc0) != 0x80;
    }
    return length;
}

static bool
switch_maintenance(obj_instance_change_t *change, const char *in, const char *message)
{
    if (!change->maintenance && (in || message)) {
        fprintf(stderr, "playhouse maintenance: %s goes with on, not with off\n", in ? "--in" : "--message");
        return false;
    }
    change->has_ends_in_seconds = in != NULL;
    if (in && !cli_word_seconds("maintenance", "--in", in, SWITCH_SECONDS_MAX, &change->ends_in_seconds)) {
        return false;
    }
    change->has_message = message != NULL;
    if (!message) {
        return true;
    }
    if (!*message || switch_message_length(message) > SWITCH_MESSAGE_MAX ||
        strlen(message) >= sizeof(change->message)) {
        fprintf(stderr, "playhouse maintenance: --message has %zu characters: it must have 1 to %d\n",
                switch_message_length(message), SWITCH_MESSAGE_MAX);
        return false;
    }
    snprintf(change->message, sizeof(change->message), "%s", message);
    return true;
}

int
cmd_maintenance(int argc, char **argv, config_t *config)
{
    bool json = false;
    const char *in = NULL;
    const char *message = NULL;
    const cli_option_t options[] = {{.name = "--in", .text = &in},
                                    {.name = "--message", .text = &message},
                                    {.name = "--json", .flag = &json},
                                    {.name = NULL}};
    obj_instance_change_t change = {.has_maintenance = true};
    if (!cli_options(options, &argc, argv) ||
        switch_words("maintenance", "INSTANCE and on or off are needed", argc, argv) != 0 ||
        !cli_word_switch("maintenance", argv[2], &change.maintenance) || !switch_maintenance(&change, in, message)) {
        return 2;
    }
    return switch_change("maintenance", argv[1], config, &change, json);
}

int
cmd_capacity(int argc, char **argv, config_t *config)
{
    bool json = false;
    const cli_option_t options[] = {{.name = "--json", .flag = &json}, {.name = NULL}};
    obj_instance_change_t change = {.has_capacity = true};
    if (!cli_options(options, &argc, argv) ||
        switch_words("capacity", "INSTANCE and how many SEATS are needed", argc, argv) != 0 ||
        !cli_number("SEATS", argv[2], 1, SWITCH_CAPACITY_MAX, &change.capacity)) {
        return 2;
    }
    return switch_change("capacity", argv[1], config, &change, json);
}
