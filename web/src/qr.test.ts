import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { qrCode, qrPath } from "./qr";

const drawn = (text: string) => qrCode(text)?.map((row) => row.map((on) => (on ? "#" : ".")).join(""));

test("a text is the code that other programs make of it", () => {
  expect(drawn("WATTEX")).toEqual([
    "#######.#..#..#######",
    "#.....#.#..##.#.....#",
    "#.###.#..#.#..#.###.#",
    "#.###.#.#.#.#.#.###.#",
    "#.###.#...#...#.###.#",
    "#.....#.......#.....#",
    "#######.#.#.#.#######",
    "........##...........",
    "#.##.###.#....#..#.##",
    ".#.##...#.#.#..#..#..",
    "##.#..###...#####..##",
    "...#.#.####.##...#..#",
    "#.#...#..###.#..####.",
    "........#.#..#.....##",
    "#######.#....##.#....",
    "#.....#.##.#####.##.#",
    "#.###.#....#..#.#..##",
    "#.###.#.###..#.###.#.",
    "#.###.#.#..#.#....#..",
    "#.....#...###.##....#",
    "#######.##.##..##....",
  ]);
});

test.each([
  [20, 25, "7ab82bfb94a7f525"],
  [108, 45, "e705e68cca7ff42b"],
  [200, 57, "64e9db0f7dcfa486"],
  [331, 69, "4e71bbf98fe1cf36"],
])("%i bytes are in a code of %i modules", (bytes, size, digest) => {
  const code = drawn("x".repeat(bytes));
  expect(code?.length).toBe(size);
  const bits = code?.map((row) => row.replaceAll("#", "1").replaceAll(".", "0")).join("\n") ?? "";
  expect(createHash("sha256").update(bits).digest("hex").slice(0, 16)).toBe(digest);
});

test("bytes count, not characters, and what does not fit is no code", () => {
  expect(qrCode("€".repeat(110))?.length).toBe(69);
  expect(qrCode("€".repeat(111))).toBeNull();
  expect(qrCode("x".repeat(332))).toBeNull();
});

test("the outline draws each run of dark modules once", () => {
  expect(qrPath([[true, true, false, true], [false, false, true, true]])).toBe(
    "M0 0h2v1h-2zM3 0h1v1h-1zM2 1h2v1h-2z",
  );
});
