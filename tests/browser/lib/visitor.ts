// Somebody at a browser: does and sees only what a person at the page can.
import assert from "node:assert/strict";
import { type Browser, chromium, type Locator, type Page } from "playwright-core";
import type { Owner } from "../../scenario/lib/server.ts";
import { eventually } from "../../scenario/lib/wait.ts";

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
export const SEEN_MSEC = 20_000;
/** How near, in units, a walk with the keys has to end; a report may be this much behind the walker. */
const NEAR = 28;
/** A walker tells its place ten times a second, which is every six frames. */
const FRAMES_BETWEEN_REPORTS = 18;

export interface Sight {
  x: number;
  y: number;
  /** Kinds of the things in the hands. */
  held: string;
}

export async function openBrowser(owner: Owner): Promise<Browser> {
  const executablePath = process.env["PLAYHOUSE_CHROMIUM"] ?? "/usr/bin/chromium";
  const browser = await chromium.launch({ executablePath, args: FLAGS });
  owner.after(() => browser.close());
  return browser;
}

/** All visitors of one browser, each with storage of their own, and what their pages complained about. */
export class Visitors {
  readonly complaints: string[] = [];

  constructor(private readonly browser: Browser) {}

  async open(name: string): Promise<Visitor> {
    const context = await this.browser.newContext({ viewport: { width: 960, height: 620 }, colorScheme: "dark" });
    return this.listen(await context.newPage(), name);
  }

  /** Another tab of the same browser; it knows nothing of the first. */
  async secondTab(visitor: Visitor): Promise<Visitor> {
    return this.listen(await visitor.page.context().newPage(), visitor.name);
  }

  /** A tab that begins as a copy of this one, with its storage. */
  async duplicate(visitor: Visitor): Promise<Visitor> {
    const [page] = await Promise.all([
      visitor.page.context().waitForEvent("page"),
      visitor.page.evaluate(() => void window.open(location.href)),
    ]);
    return this.listen(page, visitor.name);
  }

  private listen(page: Page, name: string): Visitor {
    page.on("pageerror", (error) => this.complaints.push(`${name}: ${error.message}`));
    page.on("console", (message) => {
      // A connection that fails while the server is down is said by the browser itself.
      if (message.type() === "error" && !/net::ERR_|Failed to load resource|WebSocket connection/.test(message.text())) {
        this.complaints.push(`${name}: ${message.text()}`);
      }
    });
    return new Visitor(page, name);
  }

  async arrive(url: string, name: string): Promise<Visitor> {
    const visitor = await this.open(name);
    await visitor.page.goto(url);
    await visitor.signIn(name);
    return visitor;
  }

  /** Signs in without waiting to be let in. */
  async knock(url: string, name: string): Promise<Visitor> {
    const visitor = await this.open(name);
    await visitor.page.goto(url);
    await visitor.knock();
    return visitor;
  }

  /** Waits until somebody stands still and both see them at the same place. */
  async agree(one: Visitor, other: Visitor, name: string): Promise<void> {
    await other.until(`both see ${name} at the same place`, async () => {
      const [a, b] = [await one.sees(name), await other.sees(name)];
      return a.x === b.x && a.y === b.y;
    });
  }
}

export class Visitor {
  /** How often the page has asked for a seat over HTTP. */
  connects = 0;

  constructor(
    readonly page: Page,
    readonly name: string,
  ) {
    page.on("request", (request) => {
      if (request.method() === "POST" && request.url().endsWith("/connect")) {
        this.connects += 1;
      }
    });
  }

  async signIn(name: string): Promise<void> {
    await this.knock(name);
    await this.state("active");
  }

  async knock(name = this.name): Promise<void> {
    await this.page.fill("#name", name);
    await this.page.click("#sign-in button");
  }

  /** Waits for a card with this headline. */
  async faces(title: string): Promise<void> {
    await this.page.getByRole("heading", { name: title }).waitFor({ timeout: SEEN_MSEC });
  }

  button(name: string): Locator {
    return this.page.getByRole("button", { name, exact: true });
  }

  /** The line at the top; it is what a screen reader says. */
  async reads(text: string, ms = SEEN_MSEC): Promise<void> {
    await this.page.locator("#connection-text", { hasText: new RegExp(`^${text}$`) }).waitFor({ timeout: ms });
  }

  /** Pulls the plug of this browser, and puts it in again. */
  async offline(off: boolean): Promise<void> {
    await this.page.context().setOffline(off);
  }

  /** Seconds that a countdown on the page shows. */
  async countdown(selector: string): Promise<number> {
    const text = await this.page.locator(selector).innerText();
    const [, minutes, seconds] = /(?:(\d+):)?(\d+) (?:s|min)/.exec(text) ?? assert.fail(`a countdown, not "${text}"`);
    return Number(minutes ?? 0) * 60 + Number(seconds);
  }

  async state(name: string, ms = SEEN_MSEC): Promise<void> {
    const chip = this.page.locator(`#connection[data-state="${name}"]`);
    await chip.waitFor({ timeout: ms }).catch(async () => {
      const now = await this.page.locator("#connection").getAttribute("data-state");
      const face = await this.page.locator("#face").innerText();
      assert.fail(`${this.name} should be ${name} within ${ms} ms, and is ${now}: ${face}`);
    });
  }

  row(name: string): Locator {
    return this.page.locator(`#people li[data-name="${name}"]`);
  }

  /** Where the list of people says that somebody is; waits for them to be there at all. */
  async sees(name: string): Promise<Sight> {
    const row = this.row(name);
    await row.waitFor({ timeout: SEEN_MSEC });
    const { x, y, held } = await row.evaluate((element) => ({ ...(element as HTMLElement).dataset }));
    return { x: Number(x), y: Number(y), held: held ?? "" };
  }

  async until(what: string, condition: () => Promise<boolean>): Promise<void> {
    await eventually(condition, `${this.name} sees: ${what}`, SEEN_MSEC);
  }

  async say(text: string): Promise<void> {
    await this.page.fill("#chat-input", text);
    await this.page.press("#chat-input", "Enter");
  }

  /** Waits for a line of the chat, which has to be there as it was said. */
  async hears(name: string, text: string): Promise<void> {
    const line = this.page.locator("#chat-log li", { has: this.page.locator(".who", { hasText: name }) });
    await this.until(`${name} saying something`, async () => (await line.allInnerTexts()).includes(`${name} ${text}`));
  }

  /** Presses a key of the plaza as soon as its button says that it would do something. */
  async press(key: string, button: string): Promise<void> {
    await this.page.locator(`#${button}:enabled`).waitFor({ timeout: SEEN_MSEC });
    await this.page.locator("#plaza").press(key);
  }

  /** Walks with the arrow keys, first along, then across. */
  async walkTo(place: { x: number; y: number }): Promise<void> {
    await this.page.locator("#plaza").focus();
    for (let tries = 0; tries < 4; tries += 1) {
      await this.steer("x", place.x, "ArrowLeft", "ArrowRight");
      await this.steer("y", place.y, "ArrowUp", "ArrowDown");
      const { x, y } = await this.sees(this.name);
      if (Math.hypot(x - place.x, y - place.y) <= NEAR * 1.5) {
        return;
      }
    }
    assert.fail(`${this.name} does not get to ${place.x}, ${place.y}`);
  }

  private async steer(axis: "x" | "y", goal: number, less: string, more: string): Promise<void> {
    const from = (await this.sees(this.name))[axis];
    if (Math.abs(from - goal) <= NEAR) {
      return;
    }
    const key = from > goal ? less : more;
    const row = await this.row(this.name).elementHandle();
    await this.page.keyboard.down(key);
    await this.page.waitForFunction(
      ({ element, axis, goal, from, near }) => {
        const at = Number((element as HTMLElement | null)?.dataset[axis]);
        return Math.abs(at - goal) <= near || at > goal !== from > goal;
      },
      { element: row, axis, goal, from, near: NEAR },
      { timeout: SEEN_MSEC },
    );
    await this.page.keyboard.up(key);
    await this.standsStill();
  }

  private async frames(count: number): Promise<void> {
    for (let frame = 0; frame < count; frame += 1) {
      await this.page.evaluate(() => new Promise((done) => requestAnimationFrame(done)));
    }
  }

  /** Two reports in a row that say the same, far enough apart that a walker would have been told of. */
  private async standsStill(): Promise<void> {
    const acks = this.page.locator("#latency");
    let last = "";
    await this.until("oneself standing still", async () => {
      const now = JSON.stringify([await this.sees(this.name), await acks.getAttribute("data-count")]);
      const still = now === last;
      last = now;
      await this.frames(FRAMES_BETWEEN_REPORTS);
      return still;
    });
  }
}
