/* A few orders through the library, and what comes of them. */
#include "book.h"

#include <inttypes.h>
#include <stdio.h>

static void tell(const book *of, uint32_t count) {
    static const char *const kinds[] = {"",         "accepted",  "rejected", "trade", "netted",
                                        "modified", "cancelled", "expired",  "done"};
    const book_report *report = book_reports(of);
    if (count == BOOK_MALFORMED) {
        printf("malformed\n");
        return;
    }
    for (const book_report *end = report + count; report < end; report++)
        printf("%s %" PRIu32 " with %" PRIu32 ": %" PRIu64 " @ %" PRId32 ", why %" PRIu32 "\n",
               kinds[report->kind], report->order, report->other, report->quantity, report->price,
               report->why);
}

int main(void) {
    book *of = book_open(0, 99, 1000, 1000);
    book_entry sell = {.quantity = 4000, .price = 9, .owner = 1, .side = BOOK_SELL};
    book_entry buy = {.quantity = 5000, .price = 28, .owner = 2, .side = BOOK_BUY};
    book_entry odd = {.quantity = 1, .price = 1, .side = 7};
    int32_t best = -1;

    if (of == NULL || book_open(1, 0, 1, 1) != NULL) return 1;
    tell(of, book_new(of, &sell));
    tell(of, book_new(of, &buy));
    tell(of, book_new(of, &odd));
    tell(of, book_modify(of, 1, 27, 3000));
    printf("best bid %d", book_best(of, BOOK_BUY, &best));
    printf(" at %" PRId32 ", open %" PRIu64, best, book_open_at(of, BOOK_BUY, best));
    printf(", best ask %d\n", book_best(of, BOOK_SELL, &best));
    tell(of, book_cancel(of, 1));
    tell(of, book_cancel(of, 1));
    tell(of, book_expire(of, 5));
    printf("next %" PRIu32 ", state %016" PRIx64 "\n", book_next_order(of), book_state(of));
    book_close(of);
    return 0;
}
