package decide

import (
	"encoding/json"
	"math"
)

// plain is an Option without methods, and jsonOption hides its Cost behind one that can be null.
type (
	plain      Option
	jsonOption struct {
		plain
		Cost *float64
	}
)

// MarshalJSON writes an infinite cost as null, because JSON has no number for it.
func (o Option) MarshalJSON() ([]byte, error) {
	v := jsonOption{plain: plain(o)}
	if !math.IsInf(o.Cost, 1) {
		v.Cost = &o.Cost
	}
	return json.Marshal(v)
}

// UnmarshalJSON reads null, or no cost at all, as an infinite one.
func (o *Option) UnmarshalJSON(text []byte) error {
	var v jsonOption
	if err := json.Unmarshal(text, &v); err != nil {
		return err
	}
	*o = Option(v.plain)
	o.Cost = math.Inf(1)
	if v.Cost != nil {
		o.Cost = *v.Cost
	}
	return nil
}
