import { Filter } from "../../fields";

interface ZoneSelectProps {
  id: string;
  zones: string[];
  zone: string | undefined;
  onChange: (zone: string) => void;
}

/** Chooses a zone, where there are several. */
export function ZoneSelect({ id, zones, zone, onChange }: ZoneSelectProps) {
  if (zones.length < 2) return null;
  return (
    <Filter id={id} label="Zone" value={zone ?? ""} onChange={onChange}>
      {zones.map((one) => (
        <option key={one}>{one}</option>
      ))}
    </Filter>
  );
}
