import * as api from "../../api";
import { SelectField } from "../../fields";
import { useLoad } from "../../live";

/** One of the community's connection points, with whose it is. */
export function PointField({ value, onChange }: { value: string; onChange: (point: string) => void }) {
  const points = useLoad("points", api.connectionPoints);
  const people = useLoad("people", api.parties);
  const nameOf = (account: string) =>
    people.data?.find((party) => party.account?.account === account)?.name ?? account;
  return (
    <SelectField label="Connection point" required value={value} onChange={onChange}>
      <option value="">Choose one</option>
      {points.data?.map((one) => (
        <option key={one.connection_point} value={one.connection_point}>
          {nameOf(one.account)}: {one.connection_point}
        </option>
      ))}
    </SelectField>
  );
}
