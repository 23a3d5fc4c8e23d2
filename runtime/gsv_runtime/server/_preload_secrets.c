/* The key of model control stands on no command line, where every user of the machine could read it.
 *
 * tritonserver's says @GSV_ADMIN_KEY, and its main() is given the variable's value.
 */
#include "_preload.h"

#include <stdio.h>
#include <stdlib.h>

static const char PLACE[] = "=@GSV_ADMIN_KEY";

static void give_the_key(int argc, char **argv)
{
    const char *key = getenv("GSV_ADMIN_KEY");
    for (int i = 1; key != NULL && i < argc; i++) {
        size_t length = strlen(argv[i]), place = strlen(PLACE);
        char *given;
        if (length < place || strcmp(argv[i] + length - place, PLACE) != 0)
            continue;
        if (asprintf(&given, "%.*s=%s", (int)(length - place), argv[i], key) >= 0)
            argv[i] = given;
    }
}

__attribute__((constructor)) static void prepare(int argc, char **argv, char **environment)
{
    (void)environment;
    const char *name = argc > 0 ? strrchr(argv[0], '/') : NULL;
    if (argc == 0 || strcmp(name == NULL ? argv[0] : name + 1, "tritonserver") != 0)
        return;
    give_the_key(argc, argv);
}
