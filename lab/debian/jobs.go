package debian

import (
	"time"

	"golang.org/x/sys/unix"
)

// pythonJob is a job as people write them: words counted in a table that grows and is thrown away. A line a unit of work.
const pythonJob = `import sys
seed = 1
while True:
    table = {}
    for unit in range(400):
        for _ in range(200):
            seed = (seed * 1103515245 + 12345) % 2147483648
            word = "word%d" % (seed % 20000)
            table[word] = table.get(word, 0) + 1
        sys.stdout.write("1\n")
        sys.stdout.flush()
`

// compileUnit is what is compiled again and again.
const compileUnit = `#include <stdio.h>
#include <stdlib.h>
#include <string.h>
struct node { struct node *left, *right; int key; char text[32]; };
static struct node *insert(struct node *n, int key) {
    if (!n) { n = calloc(1, sizeof *n); n->key = key; snprintf(n->text, sizeof n->text, "%d", key); return n; }
    if (key < n->key) n->left = insert(n->left, key); else n->right = insert(n->right, key);
    return n;
}
static int depth(const struct node *n) {
    if (!n) return 0;
    int l = depth(n->left), r = depth(n->right);
    return 1 + (l > r ? l : r);
}
int main(void) {
    struct node *root = NULL;
    for (int i = 0; i < 1000; i++) root = insert(root, rand());
    printf("%d\n", depth(root));
    return strlen(root->text) == 0;
}
`

func lutimes(path string, t time.Time) error {
	ts := unix.NsecToTimespec(t.UnixNano())
	return unix.UtimesNanoAt(unix.AT_FDCWD, path, []unix.Timespec{ts, ts}, unix.AT_SYMLINK_NOFOLLOW)
}
