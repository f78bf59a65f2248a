"""A customer-year with PySAM's Utilityrate5, timed by itself.

    year.py FILE RUNS       a line of JSON with the processor time of each run and its months

The file has `inputs` in the variables of the model, and `load` and `generation` in watts by hour.
The model computes the bill without generation too. Reading and setting inputs is not timed.
"""

import json
import sys
import time

import PySAM.Utilityrate5 as utilityrate

# One year, as it is: nothing grows, and nothing is priced by step.
YEAR = {
    "en_electricity_rates": 1, "inflation_rate": 0, "analysis_period": 1, "degradation": [0],
    "system_use_lifetime_output": 0, "rate_escalation": [0], "load_escalation": [0],
    "ur_en_ts_sell_rate": 0, "ur_en_ts_buy_rate": 0, "ur_ts_sell_rate": [0],
    "ur_ts_buy_rate": [0], "TOU_demand_single_peak": 0, "ur_enable_billing_demand": 0,
}


def main(file, runs):
    with open(file) as text:
        case = json.load(text)
    model = utilityrate.new()
    for name, value in {**YEAR, **case["inputs"]}.items():
        model.value(name, value)
    model.value("load", [watts / 1000 for watts in case["load"]])
    model.value("gen", [watts / 1000 for watts in case["generation"]])
    seconds = []
    for _ in range(runs):
        begin = time.process_time()
        model.execute(0)
        seconds.append(time.process_time() - begin)
    months = model.Outputs.export()["year1_monthly_utility_bill_w_sys"]
    print(json.dumps({"seconds": seconds, "months": list(months)}))


main(sys.argv[1], int(sys.argv[2]))
