/**
 * Bugs to plant, and the check that must catch each: `scripts/planted-bugs.mjs` does it. An edit replaces a text that occurs once.
 *
 * @type {{ name: string, file: string, edits: [from: string, to: string][],
 *   check: { file: string, test?: string, env?: Record<string, string> } }[]}
 */
export const bugs = [
  {
    name: "a record that was created is believed without a look at the boundary",
    file: "src/log/volume-log.ts",
    edits: [["      await this.#look();\n", ""]],
    check: { file: "test/sim/simulation.test.ts", env: { SEEDS: "200" } },
  },
];
