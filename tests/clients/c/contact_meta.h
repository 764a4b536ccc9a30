// The type of `meta`: any JSON. The generator's own map of anything does not keep what is in it, and lets
// one name a type of one's own for a schema; this one is its type for any JSON, under the schema's name.

#ifndef CONTACT_META_H
#define CONTACT_META_H

#include "object.h"

typedef object_t contact_meta_t;

#define contact_meta_free object_free
#define contact_meta_parseFromJSON object_parseFromJSON
#define contact_meta_convertToJSON object_convertToJSON

#endif
