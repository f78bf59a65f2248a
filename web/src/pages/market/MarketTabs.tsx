import { Tabs } from "../../ui";

/** Between the pages of the market, for who trades there. */
export function MarketTabs({ at }: { at: "trade" | "rules" }) {
  return (
    <Tabs
      label="Market"
      items={[
        { href: "/market", text: "Trade", on: at === "trade" },
        { href: "/market/rules", text: "Buy and sell by itself", on: at === "rules" },
      ]}
    />
  );
}
