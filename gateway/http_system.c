/* What the server says of itself: build, how to sign in, metrics, actors; and the tokens of --dev. */
#include "http.h"

#include <string.h>

enum { HTTP_ACTORS_MAX = 64 * 512 }; /* bytes: 64 rows of less than 512 */

bool
http_version_start(gateway_t *self, http_request_t *request)
{
    obj_version_info_t version;
    memset(&version, 0, sizeof(version));
    memcpy(version.build, self->config->build, strnlen(self->config->build, sizeof(version.build) - 1));
    http_answer(self, request->conn, 200, &type_version_info, &version);
    return false;
}

bool
http_sign_in_start(gateway_t *self, http_request_t *request)
{
    static const obj_sign_in_t none = {.kind = SIGN_IN_KIND_NONE};
    const obj_sign_in_t *sign_in = self->config->sign_in;
    http_answer(self, request->conn, 200, &type_sign_in, sign_in != NULL ? sign_in : &none);
    return false;
}

act_addr_t
http_here(const gateway_t *self, act_kind_id_t kind)
{
    return (act_addr_t){.node = act_self(self->ctx).node, .kind = (uint8_t)kind};
}

bool
http_metrics_start(gateway_t *self, http_request_t *request)
{
    const act_addr_t here = http_here(self, ACT_KIND_METRICS);
    msg_metrics_scrape_t scrape = {0};
    act_request_to(self->ctx, &here, MSG_METRICS_SCRAPE, &scrape, GATEWAY_ASK_USEC, http_context(self, request));
    return true;
}

void
http_metrics_finish(gateway_t *self, http_request_t *request, const msg_t *msg)
{
    if (msg->type != MSG_METRICS_TEXT) {
        http_refuse_as(self, request->conn, msg);
        return;
    }
    const msg_metrics_text_t *metrics = msg->body;
    wire_answer_t answer = {.status = 200,
                            .content_type = "text/plain; version=0.0.4; charset=utf-8",
                            .body = metrics->text->data,
                            .length = metrics->text->length};
    self->config->wire->answer(request->conn, &answer);
}

bool
http_actors_start(gateway_t *self, http_request_t *request)
{
    const act_addr_t here = http_here(self, ACT_KIND_METRICS);
    msg_metrics_actors_t actors = {0};
    act_request_to(self->ctx, &here, MSG_METRICS_ACTORS, &actors, GATEWAY_ASK_USEC, http_context(self, request));
    return true;
}

void
http_actors_finish(gateway_t *self, http_request_t *request, const msg_t *msg)
{
    if (msg->type != MSG_METRICS_ACTOR_LIST) {
        http_refuse_as(self, request->conn, msg);
        return;
    }
    http_answer_large(self, request->conn, &type_metrics_actor_list, msg->body, HTTP_ACTORS_MAX);
}

bool
http_dev_token_start(gateway_t *self, http_request_t *request)
{
    obj_dev_token_t token;
    memset(&token, 0, sizeof(token));
    if (!self->config->dev_token(self->config->self, request->body.dev_token.name, act_wall_msec(self->ctx),
                                 token.access_token, sizeof(token.access_token))) {
        http_refuse(self, request->conn, ERROR_BAD_REQUEST, "body: name cannot be a user's", 0);
        return false;
    }
    memcpy(token.token_type, "Bearer", sizeof("Bearer"));
    token.expires_in = self->config->dev_token_seconds;
    http_answer(self, request->conn, 200, &type_dev_token, &token);
    return false;
}
