// An independent check of an exported log, built from Go's own note and tlog packages (the code behind Go's checksum
// database). It shares nothing with the program that wrote the log.
//
//	verifier LOG-FOLDER VKEY-FILE [OLDER-CHECKPOINT]
//
// LOG-FOLDER holds `checkpoint` and `tile/…` as C2SP tlog-tiles lays them out. Checked: the checkpoint's signature; that
// every entry is included at its place; that the tree of all entries has the signed root, with every tile read on the way;
// and, if given, that the older checkpoint (signed by the same key) is a beginning of this log. Ends with 0 and one line
// when all of it holds, with 1 and the reason when not.
package main

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

func main() {
	if len(os.Args) < 3 || len(os.Args) > 4 {
		fmt.Fprintln(os.Stderr, "usage: verifier LOG-FOLDER VKEY-FILE [OLDER-CHECKPOINT]")
		os.Exit(2)
	}
	if err := verify(os.Args[1], os.Args[2], os.Args[3:]); err != nil {
		fmt.Fprintln(os.Stderr, "refused:", err)
		os.Exit(1)
	}
}

func verify(folder, vkeyFile string, older []string) error {
	vkey, err := os.ReadFile(vkeyFile)
	if err != nil {
		return err
	}
	verifier, err := note.NewVerifier(strings.TrimSpace(string(vkey)))
	if err != nil {
		return err
	}
	tree, err := openCheckpoint(filepath.Join(folder, "checkpoint"), verifier)
	if err != nil {
		return err
	}
	entries, err := readEntries(folder, tree.N)
	if err != nil {
		return err
	}
	if err := checkRoot(tree, entries); err != nil {
		return err
	}
	hashes := tlog.TileHashReader(tree, tiles(folder))
	for n, entry := range entries {
		if err := checkInclusion(tree, hashes, int64(n), entry); err != nil {
			return fmt.Errorf("entry %d: %w", n, err)
		}
	}
	for _, file := range older {
		if err := checkConsistency(tree, hashes, file, verifier); err != nil {
			return err
		}
	}
	fmt.Printf("%d entries hold, root %v, signed by %s\n", tree.N, tree.Hash, verifier.Name())
	return nil
}

// openCheckpoint reads a signed checkpoint whose origin is the key's name.
func openCheckpoint(file string, verifier note.Verifier) (tlog.Tree, error) {
	var none tlog.Tree
	text, err := os.ReadFile(file)
	if err != nil {
		return none, err
	}
	opened, err := note.Open(text, note.VerifierList(verifier))
	if err != nil {
		return none, fmt.Errorf("%s: %w", file, err)
	}
	lines := strings.SplitN(opened.Text, "\n", 4)
	if len(lines) < 4 || lines[0] != verifier.Name() {
		return none, fmt.Errorf("%s: its origin is not %s", file, verifier.Name())
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return none, err
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return none, fmt.Errorf("%s: %q is no root", file, lines[2])
	}
	tree := tlog.Tree{N: size}
	copy(tree.Hash[:], root)
	return tree, nil
}

// c2sp turns Go's name of a tile into C2SP's, which leaves the height out and calls data entries.
func c2sp(tile tlog.Tile) string {
	path := strings.TrimPrefix(tile.Path(), fmt.Sprintf("tile/%d/", height))
	return "tile/" + strings.Replace(path, "data/", "entries/", 1)
}

func readEntries(folder string, size int64) ([][]byte, error) {
	var entries [][]byte
	for start := int64(0); start < size; start += 1 << height {
		width := size - start
		if width > 1<<height {
			width = 1 << height
		}
		tile := tlog.Tile{H: height, L: -1, N: start >> height, W: int(width)}
		data, err := os.ReadFile(filepath.Join(folder, c2sp(tile)))
		if err != nil {
			return nil, err
		}
		for ; width > 0; width-- {
			if len(data) < 2 || len(data)-2 < int(binary.BigEndian.Uint16(data)) {
				return nil, fmt.Errorf("%s: cut short", c2sp(tile))
			}
			length := int(binary.BigEndian.Uint16(data))
			entries = append(entries, data[2:2+length])
			data = data[2+length:]
		}
		if len(data) != 0 {
			return nil, fmt.Errorf("%s: %d bytes too many", c2sp(tile), len(data))
		}
	}
	return entries, nil
}

// checkRoot builds the whole tree from the entries alone.
func checkRoot(tree tlog.Tree, entries [][]byte) error {
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var out []tlog.Hash
		for _, index := range indexes {
			out = append(out, stored[index])
		}
		return out, nil
	})
	for n, entry := range entries {
		more, err := tlog.StoredHashes(int64(n), entry, reader)
		if err != nil {
			return err
		}
		stored = append(stored, more...)
	}
	root, err := tlog.TreeHash(tree.N, reader)
	if err != nil {
		return err
	}
	if root != tree.Hash {
		return fmt.Errorf("the entries give the root %v, but %v is signed", root, tree.Hash)
	}
	return nil
}

func checkInclusion(tree tlog.Tree, hashes tlog.HashReader, n int64, entry []byte) error {
	proof, err := tlog.ProveRecord(tree.N, n, hashes)
	if err != nil {
		return err
	}
	return tlog.CheckRecord(proof, tree.N, tree.Hash, n, tlog.RecordHash(entry))
}

func checkConsistency(tree tlog.Tree, hashes tlog.HashReader, file string, verifier note.Verifier) error {
	old, err := openCheckpoint(file, verifier)
	if err != nil {
		return err
	}
	if old.N > tree.N {
		return errors.New("the older checkpoint is of a longer log")
	}
	proof, err := tlog.ProveTree(tree.N, old.N, hashes)
	if err != nil {
		return err
	}
	if err := tlog.CheckTree(proof, tree.N, tree.Hash, old.N, old.Hash); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

// tiles reads the tiles from the folder; tlog authenticates each against the signed root.
type tiles string

func (folder tiles) Height() int { return height }

func (folder tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var out [][]byte
	for _, tile := range wanted {
		data, err := os.ReadFile(filepath.Join(string(folder), c2sp(tile)))
		if err != nil {
			return nil, err
		}
		out = append(out, data)
	}
	return out, nil
}

func (folder tiles) SaveTiles([]tlog.Tile, [][]byte) {}
