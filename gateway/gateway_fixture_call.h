/* gateway_fixture_call -- for tests: HTTP exchanges as their clients see them. Included by gateway_fixture.h. */
#ifndef PLAYHOUSE_GATEWAY_FIXTURE_CALL_H
#define PLAYHOUSE_GATEWAY_FIXTURE_CALL_H

#include "gateway_fixture.h"

enum { EXPIRES_AT = 77000 }; /* of the access tokens that auth finds good, ms since 1970 */

static inline void
call_send(house_t *house, call_t *call, wire_request_t request)
{
    memset(call, 0, sizeof(*call));
    request.conn = call;
    request.authorization = request.authorization != NULL ? request.authorization : "";
    request.content_type = request.content_type != NULL ? request.content_type : "";
    request.query = request.query != NULL ? request.query : "";
    request.host = request.host != NULL ? request.host : "";
    request.origin = request.origin != NULL ? request.origin : "";
    static const uint8_t nobody[WIRE_ADDRESS_BYTES], here[WIRE_ADDRESS_BYTES] = {[15] = 1};
    if (request.admin && memcmp(request.address, nobody, sizeof(nobody)) == 0) {
        memcpy(request.address, here, sizeof(here));
    }
    act_enter(house->ctx);
    call->handle = gateway_http(house->gateway, &request);
    act_leave(house->ctx);
    sim_run(house->sim);
}

static inline void
call_get(house_t *house, call_t *call, const char *path)
{
    call_send(house, call, (wire_request_t){.path = path, .authorization = "Bearer good"});
}

static inline void
call_post(house_t *house, call_t *call, const char *path, const char *json)
{
    call_send(house, call,
              (wire_request_t){.method = WIRE_POST,
                               .path = path,
                               .authorization = "Bearer good",
                               .content_type = "application/json",
                               .body = (const uint8_t *)json,
                               .length = strlen(json)});
}

/* Auth finds the token good: a user's of that role. */
static inline void
call_verify_as(house_t *house, role_t role)
{
    const msg_t *ask = sim_take(house->sim, MSG_AUTH_VERIFY);
    assert_non_null(ask);
    assert_string_equal(((const msg_auth_verify_t *)ask->body)->token, "good");
    msg_auth_verified_t verified = {.user_id = "auth0|someone", .role = role, .expires_at = EXPIRES_AT};
    sim_reply(house->sim, ask, MSG_AUTH_VERIFIED, &verified);
}

static inline void
call_verify(house_t *house)
{
    call_verify_as(house, ROLE_PLAYER);
}

static inline void
assert_answer(const call_t *call, unsigned status, const char *part)
{
    assert_int_equal(call->answers, 1);
    if (call->status != status || strstr(call->body, part) == NULL) {
        fail_msg("wanted %u with %s, got %u with %s", status, part, call->status, call->body);
    }
}

#endif
