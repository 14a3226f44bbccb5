// A test file that does not end is ended, and says what it was at: its runner would only say that it took too long.
import { beforeEach } from "node:test";

/** Less than --test-timeout in package.json, with which the runner ends a file that cannot end itself. */
const LIMIT_MSEC = 400_000;

let last = "nothing yet";

function endLate(): void {
  const open = process.getActiveResourcesInfo().join(" ");
  console.error(`ended after ${LIMIT_MSEC} ms; the last test that began is "${last}"; open: ${open}`);
  process.exit(1);
}

// The soak, and a file that is run by itself, take as long as they are told to.
if (process.env["NODE_TEST_CONTEXT"] !== undefined) {
  beforeEach((test) => {
    last = test.name;
  });
  setTimeout(endLate, LIMIT_MSEC).unref();
}
