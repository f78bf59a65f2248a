import { Tabs } from "../../ui";

/** Between what somebody has: money, and certificates of energy. */
export function WalletTabs({ at }: { at: "money" | "certificates" }) {
  return (
    <Tabs
      label="Wallet"
      items={[
        { href: "/wallet", text: "Money", on: at === "money" },
        { href: "/certificates", text: "Certificates", on: at === "certificates" },
      ]}
    />
  );
}
