// Visitors who sign in with an identity provider: what they do there, and what the page does with it.
import { SEEN_MSEC, type Visitor } from "./visitor.ts";
import type { Role } from "../../scenario/lib/provider.ts";

/** Goes from the page to the provider, says who one is, and is back on the page. */
export async function signInAtProvider(visitor: Visitor, role: Role = "player"): Promise<void> {
  await visitor.button("Sign in").click();
  await introduce(visitor, role);
}

/** Fills in the provider's form. */
export async function introduce(visitor: Visitor, role: Role = "player"): Promise<void> {
  const { page, name } = visitor;
  await page.locator("form #role").waitFor({ timeout: SEEN_MSEC });
  await page.fill("form #name", name);
  await page.selectOption("form #role", role);
  await page.click("form #sign-in");
}
