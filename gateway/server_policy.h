/* server_policy -- the Content-Security-Policy of every answer: nothing foreign, but the provider people sign in with.
 */
#ifndef PLAYHOUSE_SERVER_POLICY_H
#define PLAYHOUSE_SERVER_POLICY_H

#include "msg.h"

enum { SERVER_POLICY_SIZE = 1024 };

/* `sign_in` NULL: there is no provider. False: its issuer is no https or http address, and is left out; then the page
 * cannot talk to it. */
bool server_policy_write(char policy[SERVER_POLICY_SIZE], const obj_sign_in_t *sign_in);

#endif
