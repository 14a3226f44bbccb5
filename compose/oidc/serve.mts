// The provider of the tests as a service, for trying the deployment out: it lets in whoever says a name, in the role that
// they choose, and forgets them when it stops.
//
//   ISSUER   its address, as browsers and auth know it (default http://localhost:9000); its port is listened on
//   HOST     the address to listen on (default 0.0.0.0)
import { Provider } from "../../tests/scenario/lib/provider.ts";

const provider = new Provider({
  issuer: process.env["ISSUER"] ?? "http://localhost:9000",
  host: process.env["HOST"] ?? "0.0.0.0",
});
await provider.start();
console.log(`signing in at ${provider.issuer}: anybody, as anybody`);
for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.once(signal, () => void provider.stop().then(() => process.exit(0)));
}
