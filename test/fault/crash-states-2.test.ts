/** The other half of crash-states-1.test.ts. */
import { vi } from "vitest";
import { itRecovers } from "../campaign/crash-half.js";

vi.mock("node:fs", () => import("../helpers/memory-disk-fs.js"));

itRecovers(1);
