// Who shares in what the community generates. Limits in 1e-9 currency per Wh.

import type { Mechanism } from "./mechanism";

/** Why the newest order of a member was refused. */
interface Refusal {
  code: string;
  title: string;
  slot: string;
  at: string;
}

export interface Membership {
  account: string;
  connection_point: string;
  /** Start of its first slot. */
  from: string;
  /** Start of the first slot without it. */
  until?: string;
  /** Its share of what is generated, in basis points. */
  share_bps?: number;
  refused?: Refusal;
  warnings: string[];
}

export interface Memberships {
  /** Whether what members feed in is shared out after each slot. */
  shared: boolean;
  mechanism: Mechanism;
  /** Who signs for members. */
  delegate: string;
  policy: string;
  /** What a mandate has to let it buy for at least, all in; absent where nothing is shared. */
  buy_limit?: number;
  /** What a mandate has to let it sell for at most, net. */
  sell_limit?: number;
  items: Membership[];
}
