#include "store.h"

store_fault_t
store_fault_of(store_result_t result)
{
    _Static_assert(STORE_NOT_FOUND - 1 == (int)STORE_FAULT_NOT_FOUND && STORE_GAP - 1 == (int)STORE_FAULT_GAP &&
                       STORE_UNAVAILABLE - 1 == (int)STORE_FAULT_UNAVAILABLE,
                   "store_result_t is STORE_OK and then the faults of the schema, in its order");
    return (store_fault_t)(result - 1);
}
