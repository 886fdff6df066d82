/**
 * Debian's Chromium, driven by playwright-core, with a profile of its own that outlives a restart of the browser and is removed
 * at the end. It asks nobody but loopback for anything.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BrowserContext, chromium, type Page } from "playwright-core";

const EXECUTABLE = "/usr/bin/chromium";
const FLAGS = [
  "--no-sandbox",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-default-apps",
  "--disable-sync",
  "--no-first-run",
];

export class Chromium {
  readonly #profile = mkdtempSync(join(tmpdir(), "palimpsest-chromium-"));
  #context: BrowserContext | undefined;

  /** A page at `url`, in a browser that was started for it or runs already. */
  async open(url: string): Promise<Page> {
    this.#context ??= await chromium.launchPersistentContext(this.#profile, {
      executablePath: EXECUTABLE,
      args: FLAGS,
      headless: true,
    });
    const page = await this.#context.newPage();
    await page.goto(url);
    return page;
  }

  /** Ends the browser; the next `open` starts it again with the same profile. */
  async stop(): Promise<void> {
    await this.#context?.close();
    this.#context = undefined;
  }

  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }
}
