package fate

import (
	"encoding/binary"

	"github.com/tallystick/tallystick/engine/internal/extsort"
)

// AppendKey appends what has, as bytes, the order of Node.Compare.
func AppendKey(key []byte, n *Node) []byte {
	key = binary.BigEndian.AppendUint64(key, n.Turn)
	if n.Created.Set {
		key = append(key, 0)
		key = binary.BigEndian.AppendUint64(key, uint64(n.Created.Sec)^1<<63)
		key = binary.BigEndian.AppendUint32(key, uint32(n.Created.Nsec)^1<<31)
	} else {
		key = append(key, 1)
	}
	key = binary.BigEndian.AppendUint64(key, n.Hash)
	key = extsort.AppendString(key, n.Contributor)
	key = extsort.AppendString(key, n.ID)
	key = binary.BigEndian.AppendUint64(key, n.Length)
	key = append(key, n.Sum[:]...)
	key = binary.BigEndian.AppendUint32(key, n.Place.Shard)
	return binary.BigEndian.AppendUint32(key, n.Place.Ordinal)
}
