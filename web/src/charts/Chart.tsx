// A chart over slots: bars and step lines on up to two panels, with axes, a tooltip that follows
// pointer and arrow keys, and the same numbers as a table.

import { type KeyboardEvent, type PointerEvent, useEffect, useId, useRef, useState } from "react";
import { niceRange, tickText, ticks } from "./scale";

export interface Series {
  name: string;
  /** For pixels; null where there is nothing. */
  values: (number | null)[];
  /** What is said of a value, exact and with its unit. */
  text: (index: number) => string;
  color: string;
  shape: "bar" | "step" | "area";
}

export interface Panel {
  unit: string;
  height: number;
  series: Series[];
  zero: boolean;
}

export interface Mark {
  index: number;
  text: string;
}

interface Props {
  label: string;
  panels: Panel[];
  /** What each place is: "14:15–14:30". */
  places: string[];
  /** Labels of the axis below. */
  axis: { index: number; text: string }[];
  /** A label stands below the middle of its place: it names that, not where it begins. */
  centred?: boolean;
  /** Places to point at, such as those of less certain quality. */
  marks?: Mark[];
  placeHead: string;
  /** The page has the table of these numbers itself, below. */
  ownTable?: boolean;
}

const LEFT = 46;
const RIGHT = 8;
const TOP = 24;
const GAP = 34;
const BOTTOM = 24;

export function Chart(props: Props) {
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(640);
  const [at, setAt] = useState<number | null>(null);
  const help = useId();

  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const observer = new ResizeObserver(() => setWidth(Math.max(260, element.clientWidth)));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  const count = props.places.length;
  const inner = width - LEFT - RIGHT;
  const step = inner / Math.max(1, count);
  const x = (index: number) => LEFT + index * step;
  const labelX = (index: number) => x(index) + (props.centred ? step / 2 : 0);
  let top = TOP;
  const panels = props.panels.map((panel) => {
    const placed = { ...panel, top };
    top += panel.height + GAP;
    return placed;
  });
  const height = top - GAP + BOTTOM;

  const point = (event: PointerEvent<SVGSVGElement>) => {
    const left = event.clientX - event.currentTarget.getBoundingClientRect().left - LEFT;
    const index = Math.floor(left / step);
    setAt(index >= 0 && index < count ? index : null);
  };
  const key = (event: KeyboardEvent) => {
    const move = { ArrowLeft: -1, ArrowRight: 1, PageUp: -8, PageDown: 8 }[event.key];
    const jump = { Home: 0, End: count - 1 }[event.key];
    if (event.key === "Escape") setAt(null);
    if (move === undefined && jump === undefined) return;
    event.preventDefault();
    const next = jump ?? (at === null ? (move! > 0 ? 0 : count - 1) : at + move!);
    setAt(Math.min(count - 1, Math.max(0, next)));
  };

  const series = props.panels.flatMap((panel) => panel.series);
  const mark = props.marks?.find((candidate) => candidate.index === at);
  const said =
    at === null
      ? ""
      : [props.places[at], ...series.map((one) => `${one.name} ${one.text(at)}`), mark?.text]
          .filter(Boolean)
          .join(", ");

  return (
    <figure className="chart">
      <figcaption className="legend">
        {series.map((one) => (
          <span key={one.name}>
            <i className={one.shape} style={{ background: one.color }} />
            {one.name}
          </span>
        ))}
      </figcaption>
      <div ref={box} className="chart-box">
        <svg
          width={width}
          height={height}
          role="img"
          aria-label={props.label}
          aria-describedby={help}
          tabIndex={0}
          onPointerMove={point}
          onPointerDown={point}
          onPointerLeave={() => setAt(null)}
          onBlur={() => setAt(null)}
          onKeyDown={key}
        >
          {panels.map((panel) => (
            <PanelPlot key={panel.unit} panel={panel} x={x} step={step} right={width - RIGHT} at={at} />
          ))}
          {props.marks?.map((one) => (
            <path
              key={one.index}
              className="mark"
              d={`M${x(one.index) + step / 2} ${height - BOTTOM + 2}l4 7h-8z`}
            />
          ))}
          {apart(props.axis, labelX).map((label) => (
            <text
              key={label.index}
              className="tick"
              x={labelX(label.index)}
              y={height - 4}
              textAnchor={labelX(label.index) > width - 40 ? "end" : "middle"}
            >
              {label.text}
            </text>
          ))}
        </svg>
        {at !== null && (
          <div
            className="tip"
            aria-hidden="true"
            style={x(at) > width / 2 ? { right: width - x(at) + 8 } : { left: x(at + 1) + 8 }}
          >
            <b>{props.places[at]}</b>
            {series.map((one) => (
              <span key={one.name}>
                <i style={{ background: one.color }} />
                {one.name}
                <em>{one.text(at)}</em>
              </span>
            ))}
            {mark && <span className="tip-mark">{mark.text}</span>}
          </div>
        )}
      </div>
      <p className="sr-only" id={help}>
        Left and right arrow keys read the values; the same numbers are in the table below.
      </p>
      <p className="sr-only" role="status">
        {said}
      </p>
      {!props.ownTable && <DataTable {...props} series={series} />}
    </figure>
  );
}

/** The labels that have room beside the one before. */
function apart(labels: { index: number; text: string }[], x: (index: number) => number) {
  let free = 0;
  return labels.filter((label) => {
    const half = label.text.length * 3.2 + 4;
    if (x(label.index) - half < free) return false;
    free = x(label.index) + half;
    return true;
  });
}

function PanelPlot(props: {
  panel: Panel & { top: number };
  x: (index: number) => number;
  step: number;
  right: number;
  at: number | null;
}) {
  const { panel, x, step, at } = props;
  const values = panel.series.flatMap((one) => one.values.filter((value) => value !== null));
  const wanted = Math.max(2, Math.round(panel.height / 40));
  const [low, high] = niceRange(values, panel.zero, wanted);
  const bottom = panel.top + panel.height;
  const y = (value: number) => bottom - ((value - low) / (high - low)) * panel.height;
  const bars = panel.series.filter((one) => one.shape === "bar");
  const gap = step > 5 ? Math.min(3, step * 0.2) : step > 2.5 ? 0.6 : 0;
  return (
    <g>
      <text className="unit" x={LEFT - 40} y={panel.top - 13}>
        {panel.unit}
      </text>
      {ticks(low, high, wanted).map((value) => (
        <g key={value}>
          <line className={value === 0 ? "zero" : "grid"} x1={LEFT} x2={props.right} y1={y(value)} y2={y(value)} />
          <text className="tick" x={LEFT - 7} y={y(value) + 3.5} textAnchor="end">
            {tickText(value)}
          </text>
        </g>
      ))}
      {at !== null && (
        <rect className="cursor" x={x(at)} y={panel.top} width={Math.max(1, step)} height={panel.height} />
      )}
      {panel.series.map((one) => {
        if (one.shape === "bar") {
          const share = (step - gap) / bars.length;
          const place = bars.indexOf(one);
          return one.values.map((value, index) => {
            if (!value) return null;
            const edge = Math.min(y(value), y(0));
            return (
              <rect
                key={`${one.name}-${index}`}
                x={x(index) + gap / 2 + place * share}
                width={Math.max(0.8, share)}
                y={edge}
                height={Math.max(1, Math.abs(y(value) - y(0)))}
                fill={one.color}
                opacity={at === null || at === index ? 1 : 0.55}
                rx={share > 5 ? 2 : 0}
              />
            );
          });
        }
        const line = stepPath(one.values, x, y);
        return (
          <g key={one.name}>
            {one.shape === "area" && (
              <path d={areaPath(one.values, x, y, y(Math.max(0, low)))} fill={one.color} opacity={0.14} />
            )}
            <path d={line} fill="none" stroke={one.color} strokeWidth={2} strokeLinejoin="round" strokeLinecap="round" />
            {one.values.length === 1 && one.values[0] !== null && (
              <circle cx={x(0) + step / 2} cy={y(one.values[0]!)} r={3} fill={one.color} />
            )}
          </g>
        );
      })}
    </g>
  );
}

/** Horizontal over each place, vertical between neighbours, broken where there is nothing. */
function stepPath(values: (number | null)[], x: (i: number) => number, y: (v: number) => number) {
  let path = "";
  let open = false;
  values.forEach((value, index) => {
    if (value === null) {
      open = false;
      return;
    }
    path += `${open ? "L" : "M"}${x(index).toFixed(1)} ${y(value).toFixed(1)}H${x(index + 1).toFixed(1)}`;
    open = true;
  });
  return path;
}

function areaPath(
  values: (number | null)[],
  x: (i: number) => number,
  y: (v: number) => number,
  base: number,
) {
  return values
    .map((value, index) =>
      value === null
        ? ""
        : `M${x(index).toFixed(1)} ${base.toFixed(1)}V${y(value).toFixed(1)}H${x(index + 1).toFixed(1)}V${base.toFixed(1)}z`,
    )
    .join("");
}

function DataTable(props: Props & { series: Series[] }) {
  const [open, setOpen] = useState(false);
  return (
    <details className="chart-table" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Show as table</summary>
      {open && (
        <div className="table-scroll short" tabIndex={0} role="region" aria-label={props.label}>
          <table>
            <caption className="sr-only">{props.label}</caption>
            <thead>
              <tr>
                <th scope="col">{props.placeHead}</th>
                {props.series.map((one) => (
                  <th key={one.name} scope="col" className="num">
                    {one.name}
                  </th>
                ))}
                {props.marks && <th scope="col">Note</th>}
              </tr>
            </thead>
            <tbody>
              {props.places.map((place, index) => (
                <tr key={place}>
                  <th scope="row">{place}</th>
                  {props.series.map((one) => (
                    <td key={one.name} className="num">
                      {one.text(index)}
                    </td>
                  ))}
                  {props.marks && <td>{props.marks.find((mark) => mark.index === index)?.text ?? ""}</td>}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </details>
  );
}
