"""What PySAM makes of the tariffs in pysam.json: computes the bills again.

    pysam.py            compares them with those in the file
    pysam.py --write    puts them into the file

Needs NREL-PySAM of the version that the file names as its source. The tariffs themselves were drawn
once, at random; loads and what a roof makes follow from their seeds, as in pysam.rs.
"""

import json
import pathlib
import sys

import PySAM.Utilityrate5 as utilityrate

FILE = pathlib.Path(__file__).with_name("pysam.json")
# One year, as it is: nothing grows.
YEAR = {
    "en_electricity_rates": 1, "inflation_rate": 0, "analysis_period": 1, "degradation": [0],
    "system_use_lifetime_output": 0, "rate_escalation": [0], "load_escalation": [0],
    "TOU_demand_single_peak": 0,
}
# What holds of a tariff that does not say otherwise.
UNSAID = {
    "ur_en_ts_sell_rate": 0, "ur_en_ts_buy_rate": 0, "ur_ts_sell_rate": [0],
    "ur_ts_buy_rate": [0], "ur_enable_billing_demand": 0,
}
SCHEDULES = {
    "wd": "ur_ec_sched_weekday", "we": "ur_ec_sched_weekend",
    "dwd": "ur_dc_sched_weekday", "dwe": "ur_dc_sched_weekend",
}
RESULTS = {
    "wo": "year1_monthly_utility_bill_wo_sys", "w": "year1_monthly_utility_bill_w_sys",
}
# Decimals that the file has of an amount.
DECIMALS = 6


def noise(seed):
    """Knuth's MMIX generator; the upper bits."""
    while True:
        seed = (seed * 6364136223846793005 + 1442695040888963407) % 2**64
        yield seed >> 33


def watts(seed, steps, of):
    """Watts by step, as hours and days have them with noise."""
    drawn = noise(seed)
    return [of(step // steps % 24, step // steps // 24, next(drawn)) for step in range(8760 * steps)]


def flows(case):
    """Load and generation in watts."""
    def load(hour, day, drawn):
        evening = 900 if 17 <= hour < 22 else 0
        return (200 + (hour * 37 + day * 11) % 700 + evening + drawn % 1500) * case["scale"]

    def roof(hour, day, drawn):
        season = 60 + (day if day < 183 else 365 - day)
        sun = max(36 - (hour - 12) ** 2, 0) * season
        return sun * (drawn % 100) // 100 * case["gen_scale"] // 2

    steps, seed = case["steps"], case["seed"]
    return watts(seed, steps, load), watts(seed + 1, steps, roof)


def inputs(said):
    """The model's variables."""
    all_of = {**YEAR, **UNSAID}
    for name, value in said.items():
        if name in SCHEDULES:
            all_of[SCHEDULES[name]] = [[int(digit) for digit in row] for row in value]
        elif name in ("ts_sell", "ts_buy"):
            side, drawn = name[3:], noise(value)
            prices = [(next(drawn) % 40_000 - 2_000) / 100_000 for _ in range(8760)]
            all_of[f"ur_en_ts_{side}_rate"] = 1
            all_of[f"ur_ts_{side}_rate"] = prices
        else:
            all_of[name] = value
    return all_of


def months(case):
    """What the model makes of a case, without the roof and with it."""
    model = utilityrate.new()
    for name, value in inputs(case["inputs"]).items():
        model.value(name, value)
    load, generation = flows(case)
    model.value("load", [value / 1000 for value in load])
    model.value("gen", [value / 1000 for value in generation])
    model.execute(0)
    found = model.Outputs.export()
    return {
        name: [round(amount, DECIMALS) for amount in found[output]]
        for name, output in RESULTS.items()
    }


def main(write):
    said = json.loads(FILE.read_text())
    apart = []
    for number, case in enumerate(said["cases"]):
        found = months(case)
        for name in RESULTS:
            pairs = zip(found[name], case[name], strict=True)
            if any(abs(one - other) > 10**-DECIMALS for one, other in pairs):
                apart.append(f"case {number}, {name}: {found[name]}, not {case[name]}")
        case.update(found)
    print(f"{len(said['cases'])} cases, {len(apart)} bills differ", *apart[:20], sep="\n")
    if write:
        FILE.write_text(json.dumps(said, separators=(",", ":")) + "\n")
    return 1 if apart and not write else 0


sys.exit(main(sys.argv[1:] == ["--write"]))
