import type { Unit } from "../../currency";
import { Tabs } from "../../ui";

/** Between what somebody has: money of each currency, and certificates of energy. */
export function WalletTabs({ units, at }: { units: Unit[]; at: Unit | "certificates" | undefined }) {
  const [first, ...further] = units;
  const money = [
    { href: "/wallet", text: further.length ? (first?.code ?? "Money") : "Money", on: at === first },
    ...further.map((unit) => ({ href: `/wallet/${unit.code}`, text: unit.code, on: at === unit })),
  ];
  const certificates = { href: "/certificates", text: "Certificates", on: at === "certificates" };
  return <Tabs label="Wallet" items={[...money, certificates]} />;
}
