/** The second half of the simulation's campaign, for another worker. */
import { campaign } from "./campaign.js";

campaign("second half");
