/* What goes into a statement and what comes out of it: both in PostgreSQL's binary form. */
#include "store_postgres_form.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARRAY_HEADER = 20, ARRAY_EMPTY = 12, ARRAY_CAP_FIRST = 4096 };
enum { OID_BYTEA = 17, OID_INT8 = 20, OID_TEXT = 25, OID_FLOAT8 = 701 };

const char *const postgres_statement_sql[POSTGRES_STATEMENT_COUNT] = {
#define STATEMENT(id, sql) [id] = sql,
#include "statements_postgres.tbl.h"
#undef STATEMENT
};

/* By postgres_element_t: what it is of, and what it is. */
static const Oid element_types[] = {OID_TEXT, OID_INT8, OID_FLOAT8, OID_BYTEA};
static const Oid array_types[] = {1009, 1016, 1022, 1001};

static void
big_endian_write(uint8_t *out, uint64_t value, size_t size)
{
    for (size_t i = size; i-- > 0; value >>= 8) {
        out[i] = (uint8_t)value;
    }
}

static uint64_t
big_endian_read(const uint8_t *in, size_t size)
{
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++) {
        value = value << 8 | in[i];
    }
    return value;
}

static uint64_t
bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

/* Room for `size` more bytes, NULL when there is no memory. */
static uint8_t *
array_grow(postgres_array_t *self, size_t size)
{
    if (self->failed) {
        return NULL;
    }
    if (self->length + size > self->cap) {
        size_t cap = self->cap == 0 ? ARRAY_CAP_FIRST : self->cap;
        while (cap < self->length + size) {
            cap *= 2;
        }
        uint8_t *bytes = realloc(self->bytes, cap);
        if (bytes == NULL) {
            self->failed = true;
            return NULL;
        }
        self->bytes = bytes;
        self->cap = cap;
    }
    uint8_t *out = self->bytes + self->length;
    self->length += size;
    return out;
}

void
postgres_array_start(postgres_array_t *self, postgres_element_t element)
{
    self->length = 0;
    self->count = 0;
    self->element = element;
    self->failed = false;
    uint8_t *header = array_grow(self, ARRAY_HEADER); /* dimensions, NULLs?, type; length and first index of the one */
    if (header != NULL) {
        big_endian_write(header, 0, 8);
        big_endian_write(header + 8, element_types[element], 4);
        big_endian_write(header + 16, 1, 4);
    }
}

void
postgres_array_bytes(postgres_array_t *self, const void *bytes, size_t length)
{
    uint8_t *out = array_grow(self, 4 + (bytes != NULL ? length : 0));
    if (out == NULL) {
        return;
    }
    self->count++;
    if (bytes == NULL) {
        big_endian_write(out, UINT32_MAX, 4);
        self->bytes[7] = 1;
        return;
    }
    big_endian_write(out, length, 4);
    memcpy(out + 4, bytes, length);
}

void
postgres_array_text(postgres_array_t *self, const char *text)
{
    postgres_array_bytes(self, text, text != NULL ? strlen(text) : 0);
}

void
postgres_array_int(postgres_array_t *self, int64_t value)
{
    uint8_t *out = array_grow(self, 12);
    if (out != NULL) {
        self->count++;
        big_endian_write(out, 8, 4);
        big_endian_write(out + 4, (uint64_t)value, 8);
    }
}

void
postgres_array_double(postgres_array_t *self, double value)
{
    postgres_array_int(self, (int64_t)bits_of(value));
}

void
postgres_array_free(postgres_array_t *self)
{
    free(self->bytes);
    *self = (postgres_array_t){.bytes = NULL};
}

static void
params_add(postgres_params_t *self, Oid type, const void *value, size_t length)
{
    self->types[self->count] = type;
    self->values[self->count] = value;
    self->lengths[self->count] = (int)length;
    self->formats[self->count] = 1;
    self->count++;
}

static void
params_add_number(postgres_params_t *self, Oid type, uint64_t value)
{
    uint64_t *number = &self->numbers[self->count];
    big_endian_write((uint8_t *)number, value, sizeof(*number));
    params_add(self, type, number, sizeof(*number));
}

static bool
params_add_array(postgres_params_t *self, postgres_array_t *array)
{
    if (array->failed) {
        return false;
    }
    big_endian_write(array->bytes, array->count > 0, 4);
    big_endian_write(array->bytes + 12, array->count, 4);
    params_add(self, array_types[array->element], array->bytes, array->count > 0 ? array->length : ARRAY_EMPTY);
    return true;
}

static PGresult *
run(store_postgres_t *self, postgres_statement_t statement, const char *kinds, va_list arguments)
{
    postgres_params_t params = {.count = 0};
    bool made = true;
    for (; *kinds != '\0' && made; kinds++) {
        if (*kinds == 's') {
            const char *text = va_arg(arguments, const char *);
            params_add(&params, OID_TEXT, text, text != NULL ? strlen(text) : 0);
        } else if (*kinds == 'd') {
            params_add_number(&params, OID_FLOAT8, bits_of(va_arg(arguments, double)));
        } else if (*kinds == 'b') {
            const void *bytes = va_arg(arguments, const void *);
            params_add(&params, OID_BYTEA, bytes, va_arg(arguments, size_t));
        } else if (*kinds == 'a') {
            made = params_add_array(&params, va_arg(arguments, postgres_array_t *));
        } else {
            params_add_number(&params, OID_INT8, (uint64_t)va_arg(arguments, int64_t));
        }
    }
    if (made) {
        return store_postgres_send(self, statement, &params);
    }
    snprintf(self->error, sizeof(self->error), "cannot ask PostgreSQL: out of memory");
    self->fault = STORE_UNAVAILABLE;
    self->repeat = POSTGRES_REPEAT_NO;
    self->transaction = self->transaction == POSTGRES_SINGLE ? POSTGRES_SINGLE : POSTGRES_BROKEN;
    return NULL;
}

PGresult *
store_postgres_run(store_postgres_t *self, postgres_statement_t statement, const char *kinds, ...)
{
    va_list arguments;
    va_start(arguments, kinds);
    PGresult *result = run(self, statement, kinds, arguments);
    va_end(arguments);
    return result;
}

int64_t
store_postgres_write(store_postgres_t *self, postgres_statement_t statement, const char *kinds, ...)
{
    va_list arguments;
    va_start(arguments, kinds);
    PGresult *result = run(self, statement, kinds, arguments);
    va_end(arguments);
    int64_t touched = result != NULL ? strtoll(PQcmdTuples(result), NULL, 10) : -1;
    PQclear(result);
    return touched;
}

store_result_t
store_postgres_strange(store_postgres_t *self, const char *table)
{
    snprintf(self->error, sizeof(self->error), "a row of table %s breaks the schema; was it changed by hand?", table);
    self->fault = STORE_UNAVAILABLE;
    self->repeat = POSTGRES_REPEAT_NO;
    return STORE_UNAVAILABLE;
}

bool
store_postgres_bytes(const PGresult *rows, int row, int column, uint8_t *out, size_t size, uint32_t *length)
{
    size_t found = (size_t)PQgetlength(rows, row, column);
    if (found > size) {
        return false;
    }
    memcpy(out, PQgetvalue(rows, row, column), found);
    *length = (uint32_t)found;
    return true;
}

bool
store_postgres_text(const PGresult *rows, int row, int column, char *out, size_t size)
{
    uint32_t length = 0;
    if (!store_postgres_bytes(rows, row, column, (uint8_t *)out, size - 1, &length)) {
        return false;
    }
    out[length] = '\0';
    return true;
}

int64_t
store_postgres_int(const PGresult *rows, int row, int column)
{
    int length = PQgetlength(rows, row, column);
    if (length < 1 || length > 8) { /* NULL */
        return 0;
    }
    uint64_t value = big_endian_read((const uint8_t *)PQgetvalue(rows, row, column), (size_t)length);
    int unused = 64 - 8 * length; /* bits, to be filled with the sign */
    return (int64_t)(value << unused) >> unused;
}

double
store_postgres_double(const PGresult *rows, int row, int column)
{
    if (PQgetlength(rows, row, column) != 8) {
        return 0;
    }
    uint64_t bits = big_endian_read((const uint8_t *)PQgetvalue(rows, row, column), 8);
    double value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}
