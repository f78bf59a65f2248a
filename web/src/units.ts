// The currencies of the installation, for every page that shows money of several.

import * as api from "./api";
import { type Unit, unitsOf } from "./currency";
import { type Loaded, useLoad } from "./live";

/** All currencies, the one that energy is traded in first; they stay as they are as long as the chain does. */
export function useUnits(): Loaded<Unit[]> {
  return useLoad("currencies", async () => unitsOf(await api.currencies()));
}
