// Verifies a Countersign evidence bundle, or the folder of its log, with code that is not Countersign's: Go's own
// sumdb/note and sumdb/tlog, as Debian packages them (golang-golang-x-mod-dev).
//
//	verifier -key log.vkey [-witness witness.vkey] [-old CHECKPOINT] FOLDER
//
// It checks the checkpoint's signature, the inclusion of every entry, the witness's cosignature (C2SP
// cosignature/v1), the consistency with an older checkpoint, and every sealed value in sealed.jsonl against the
// commitment in its event. Exit code 0: everything holds; 1: something does not, and it says what.
package main

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func main() {
	key := flag.String("key", "", "file with the log's verifier key")
	witness := flag.String("witness", "", "file with a witness's verifier key (cosignature/v1)")
	old := flag.String("old", "", "file with an older checkpoint of the log")
	flag.Parse()
	if flag.NArg() != 1 || *key == "" {
		flag.Usage()
		os.Exit(1)
	}
	if err := verify(flag.Arg(0), *key, *witness, *old); err != nil {
		fmt.Fprintln(os.Stderr, "refused:", err)
		os.Exit(1)
	}
}

func verify(folder, keyFile, witnessFile, oldFile string) error {
	log := folder
	if _, err := os.Stat(filepath.Join(folder, "log", "checkpoint")); err == nil {
		log = filepath.Join(folder, "log")
	}
	tree, err := openCheckpoint(filepath.Join(log, "checkpoint"), keyFile, witnessFile)
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	tiles := &tileFolder{root: log, read: map[string][]byte{}}
	hashes := tlog.TileHashReader(tree, tiles)
	entries, err := checkEntries(log, tree, hashes)
	if err != nil {
		return err
	}
	fmt.Printf("signature and %d entries hold\n", len(entries))
	if oldFile != "" {
		older, err := openCheckpoint(oldFile, keyFile, "")
		if err != nil {
			return fmt.Errorf("older checkpoint: %w", err)
		}
		if older.N > tree.N {
			return fmt.Errorf("the older checkpoint has %d entries, the log %d", older.N, tree.N)
		}
		proof, err := tlog.ProveTree(tree.N, older.N, hashes)
		if err != nil {
			return fmt.Errorf("consistency: %w", err)
		}
		if err := tlog.CheckTree(proof, tree.N, tree.Hash, older.N, older.Hash); err != nil {
			return fmt.Errorf("consistency with the older checkpoint: %w", err)
		}
		fmt.Printf("consistent with the checkpoint of %d entries\n", older.N)
	}
	shown, err := checkSealed(filepath.Join(folder, "sealed.jsonl"), entries)
	if err != nil {
		return fmt.Errorf("sealed.jsonl: %w", err)
	}
	fmt.Printf("%d sealed values fit their commitments\n", shown)
	return nil
}

// openCheckpoint reads a C2SP tlog-checkpoint. (tlog.ParseTree only reads the Go checksum database's own form.)
func openCheckpoint(file, keyFile, witnessFile string) (tlog.Tree, error) {
	var tree tlog.Tree
	vkey, err := os.ReadFile(keyFile)
	if err != nil {
		return tree, err
	}
	log, err := note.NewVerifier(strings.TrimSpace(string(vkey)))
	if err != nil {
		return tree, err
	}
	known := []note.Verifier{log}
	if witnessFile != "" {
		witness, err := newCosignatureVerifier(witnessFile)
		if err != nil {
			return tree, err
		}
		known = append(known, witness)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return tree, err
	}
	opened, err := note.Open(data, note.VerifierList(known...))
	if err != nil {
		return tree, err
	}
	for _, required := range known {
		if !signedBy(opened, required) {
			return tree, fmt.Errorf("not signed by %s", required.Name())
		}
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 4 || lines[0] != log.Name() {
		return tree, errors.New("not a checkpoint of this log")
	}
	if tree.N, err = strconv.ParseInt(lines[1], 10, 64); err != nil {
		return tree, err
	}
	tree.Hash, err = tlog.ParseHash(lines[2])
	return tree, err
}

func signedBy(opened *note.Note, key note.Verifier) bool {
	for _, signature := range opened.Sigs {
		if signature.Name == key.Name() && signature.Hash == key.KeyHash() {
			return true
		}
	}
	return false
}

// cosignatureVerifier checks C2SP cosignature/v1, which this version of sumdb/note does not know.
type cosignatureVerifier struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func newCosignatureVerifier(file string) (note.Verifier, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	parts := strings.SplitN(strings.TrimSpace(string(text)), "+", 3)
	if len(parts) != 3 {
		return nil, errors.New("not a verifier key")
	}
	material, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(material) != 33 || material[0] != 4 {
		return nil, errors.New("not the key of a cosignature/v1 witness")
	}
	sum := sha256.Sum256(append([]byte(parts[0]+"\n"), material...))
	if hex.EncodeToString(sum[:4]) != parts[1] {
		return nil, errors.New("the key's id does not belong to it")
	}
	return &cosignatureVerifier{parts[0], binary.BigEndian.Uint32(sum[:4]), material[1:]}, nil
}

func (v *cosignatureVerifier) Name() string    { return v.name }
func (v *cosignatureVerifier) KeyHash() uint32 { return v.hash }
func (v *cosignatureVerifier) Verify(text, signature []byte) bool {
	if len(signature) != 8+ed25519.SignatureSize {
		return false
	}
	head := fmt.Sprintf("cosignature/v1\ntime %d\n", binary.BigEndian.Uint64(signature))
	return ed25519.Verify(v.key, append([]byte(head), text...), signature[8:])
}

// tileFolder gives tlog the tiles of a folder. Go names them tile/8/<L>/…, C2SP tile/<L>/….
type tileFolder struct {
	root string
	read map[string][]byte
}

func (t *tileFolder) Height() int                                { return 8 }
func (t *tileFolder) SaveTiles(tiles []tlog.Tile, data [][]byte) {}
func (t *tileFolder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var out [][]byte
	for _, tile := range tiles {
		path := "tile/" + strings.TrimPrefix(tile.Path(), "tile/8/")
		data, cached := t.read[path]
		if !cached {
			var err error
			if data, err = os.ReadFile(filepath.Join(t.root, path)); err != nil {
				return nil, err
			}
			t.read[path] = data
		}
		out = append(out, data)
	}
	return out, nil
}

// checkEntries proves for each entry that it stands in the tree at its place.
func checkEntries(log string, tree tlog.Tree, hashes tlog.HashReader) ([][]byte, error) {
	var entries [][]byte
	for first := int64(0); first < tree.N; first += 256 {
		width := 256
		if left := tree.N - first; left < 256 {
			width = int(left)
		}
		path := "tile/entries/" + strings.TrimPrefix(tlog.Tile{H: 8, L: 0, N: first / 256, W: width}.Path(), "tile/8/0/")
		data, err := os.ReadFile(filepath.Join(log, path))
		if err != nil {
			return nil, err
		}
		for i := 0; i < width; i++ {
			if len(data) < 2 || len(data)-2 < int(binary.BigEndian.Uint16(data)) {
				return nil, fmt.Errorf("%s ends early", path)
			}
			length := int(binary.BigEndian.Uint16(data))
			entry := data[2 : 2+length]
			data = data[2+length:]
			n := first + int64(i)
			proof, err := tlog.ProveRecord(tree.N, n, hashes)
			if err != nil {
				return nil, fmt.Errorf("entry %d: %w", n, err)
			}
			if err := tlog.CheckRecord(proof, tree.N, tree.Hash, n, tlog.RecordHash(entry)); err != nil {
				return nil, fmt.Errorf("entry %d: %w", n, err)
			}
			entries = append(entries, entry)
		}
		if len(data) != 0 {
			return nil, fmt.Errorf("%s goes on after its last entry", path)
		}
	}
	return entries, nil
}

// checkSealed recomputes every commitment that is opened.
func checkSealed(file string, entries [][]byte) (int, error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	} else if err != nil {
		return 0, err
	}
	shown := 0
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var value struct {
			Seq         int
			Name        string
			Salt, Value []byte
		}
		if err := json.Unmarshal(lines.Bytes(), &value); err != nil {
			return 0, err
		}
		if value.Seq < 0 || value.Seq >= len(entries) || len(value.Salt) != 32 {
			return 0, fmt.Errorf("line %d does not belong to the log", shown+1)
		}
		var event struct{ Sealed map[string]string }
		if err := json.Unmarshal(entries[value.Seq], &event); err != nil {
			return 0, err
		}
		hash := sha256.New()
		hash.Write([]byte("countersign/sealed/v1\x00"))
		hash.Write(value.Salt)
		hash.Write(value.Value)
		if event.Sealed[value.Name] != hex.EncodeToString(hash.Sum(nil)) {
			return 0, fmt.Errorf("event %d: the value of %q does not fit its commitment", value.Seq, value.Name)
		}
		shown++
	}
	return shown, lines.Err()
}
