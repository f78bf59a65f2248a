/* The continuous order book as a C library: see the module `book` of `libs/matching` for what it
 * does. Not for two threads at once: a book belongs to one.
 *
 * Prices are ticks, quantities watt-hours. An order is named by the count of book_new() calls
 * before its own, rejected ones included; a malformed call does not count. */
#ifndef BOOK_H
#define BOOK_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct book book;

enum { BOOK_BUY = 0, BOOK_SELL = 1 };

/* What happens to what is left of an order once it has met the book. */
enum { BOOK_TILL_CANCELLED = 0, BOOK_TILL = 1, BOOK_IMMEDIATE = 2, BOOK_FILL_OR_KILL = 3 };

/* What happens when it would meet an order of its owner. */
enum {
    BOOK_CANCEL_NEWEST = 0,
    BOOK_CANCEL_OLDEST = 1,
    BOOK_CANCEL_BOTH = 2,
    BOOK_DECREMENT = 3
};

typedef struct {
    uint64_t quantity;
    uint64_t until; /* of BOOK_TILL: the moment, in the caller's unit */
    int32_t price;
    uint32_t owner;
    uint8_t side;
    uint8_t time_in_force;
    uint8_t self_trade;
    uint8_t reserved[5];
} book_entry;

/* The kinds of reports. */
enum {
    BOOK_ACCEPTED = 1,
    BOOK_REJECTED = 2,  /* why */
    BOOK_TRADE = 3,     /* order = incoming, other = resting, price, quantity */
    BOOK_NETTED = 4,    /* order = incoming, other = resting, quantity; no trade */
    BOOK_MODIFIED = 5,  /* price, quantity from now on */
    BOOK_CANCELLED = 6, /* why, quantity that was open */
    BOOK_EXPIRED = 7,   /* quantity that was open */
    BOOK_DONE = 8
};

/* Why a message was rejected. */
enum {
    BOOK_UNKNOWN = 1,
    BOOK_PRICE = 2,
    BOOK_QUANTITY = 3,
    BOOK_LATE = 4,
    BOOK_EXHAUSTED = 5,
    BOOK_FULL = 6,
    BOOK_NOT_FILLABLE = 7
};

/* Why an order was cancelled. */
enum { BOOK_ASKED = 1, BOOK_WAS_IMMEDIATE = 2, BOOK_SELF_TRADE = 3 };

typedef struct {
    uint64_t quantity;
    uint32_t kind;
    uint32_t why;
    uint32_t order;
    uint32_t other;
    int32_t price;
    uint32_t reserved;
} book_report;

/* What a call returns where a number in it has no meaning; nothing has changed. */
#define BOOK_MALFORMED UINT32_MAX

/* A book for prices from price_min to price_max; null where it cannot have these limits. */
book *book_open(int32_t price_min, int32_t price_max, uint32_t orders_max, uint32_t entries_max);
/* Null is taken as well. */
void book_close(book *);

/* Each returns how many reports came of it; they are at book_reports() until the next call. */
uint32_t book_new(book *, const book_entry *);
uint32_t book_cancel(book *, uint32_t order);
uint32_t book_modify(book *, uint32_t order, int32_t price, uint64_t quantity);
uint32_t book_expire(book *, uint64_t now);
const book_report *book_reports(const book *);

/* The name of the order that the next book_new() makes. */
uint32_t book_next_order(const book *);
/* The best price of a side; false where it is empty. */
bool book_best(const book *, uint8_t side, int32_t *price);
/* What is open at a price of a side. */
uint64_t book_open_at(const book *, uint8_t side, int32_t price);
/* A hash of all that the book's answers depend on. */
uint64_t book_state(const book *);

#ifdef __cplusplus
}
#endif
#endif
