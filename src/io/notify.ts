/** Telling whoever traces a store. A listener is a guest: what it throws must not fail a request. */
import type { IoEvent, IoListener } from "./io-events.js";

export function notify(listener: IoListener | undefined, event: IoEvent): void {
  try {
    listener?.(event);
  } catch {
    // The listener's own trouble.
  }
}
