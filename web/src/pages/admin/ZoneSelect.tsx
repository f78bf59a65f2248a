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
    <div className="toolbar">
      <label htmlFor={id}>Zone</label>
      <select id={id} value={zone ?? ""} onChange={(event) => onChange(event.target.value)}>
        {zones.map((one) => (
          <option key={one}>{one}</option>
        ))}
      </select>
    </div>
  );
}
