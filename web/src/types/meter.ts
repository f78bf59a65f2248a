// A meter's life: codes, what staff says of it, what the rules find.

import type * as api from "./api";

/** A code by which a meter enrols itself, told once. */
export interface ProvisioningCode {
  code: string;
  meter: string;
  connection_point: string;
  expires_at: string;
}

/** What staff says of a meter and of the place that it measures. */
export interface MeterDescription {
  /** The last day on which its calibration counts. */
  calibrated_until?: string;
  /** In millionths of a degree. */
  latitude?: number;
  longitude?: number;
  modules_w?: number;
  storage: boolean;
}

export interface MeterStatus extends api.MeterStatus {
  firmware?: number;
  description?: MeterDescription;
  /** What somebody has to see to, as codes. */
  warnings: string[];
}

export interface MeterFinding {
  rule: string;
  code: string;
  action: "warn" | "flag" | "fail";
  channel?: string;
  from: string;
  to: string;
  evidence: Record<string, number>;
  other_meter?: string;
}

export interface MeterEstimate {
  slot: string;
  channel: string;
  energy_wh: number;
  quality: string;
  method: string;
}

/** A day of a meter as the rules V1 to V12 left it. */
export interface CheckedDay {
  day: string;
  checked_at: string;
  slots: number;
  measured: number;
  substituted: number;
  missing: number;
  findings: MeterFinding[];
  estimates: MeterEstimate[];
}

/** A utility's file: nobody signed what it says. */
export interface MeterFile {
  file: string;
  name: string;
  format: string;
  received_at: string;
  state: "open" | "done" | "refused";
  intervals: number;
  rejected: number;
  left_out: number;
  refusal?: string;
}
