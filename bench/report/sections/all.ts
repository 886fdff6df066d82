/** The sections of the page, in the order of its story. */
import { openSection } from "./open.js";
import { coldSection, importSection, sharedSection } from "./others.js";
import { peersSection } from "./peers.js";
import { probeSection } from "./probe.js";
import { readPageSection } from "./read-page.js";
import { resolveSection } from "./resolve.js";
import type { Section } from "./section.js";
import { segmentsSection } from "./segments.js";
import { sizesSection } from "./sizes.js";

export const sections: readonly Section[] = [
  sizesSection,
  probeSection,
  segmentsSection,
  resolveSection,
  readPageSection,
  peersSection,
  openSection,
  coldSection,
  sharedSection,
  importSection,
];
