package libvirt

import (
	"context"
	"encoding/json"
	"fmt"

	"walm/vm"
)

// original is what a move changes, as it was before.
type original struct {
	Downtime uint64 `json:",omitempty"` // ms; 0: it is left alone
	File     string `json:",omitempty"` // offline: that holds the state
}

// Settings tells what a move by that method is about to change, for a journal; see Adopt.
func (p *Pair) Settings(ctx context.Context, m vm.Method, params vm.Params) (json.RawMessage, error) {
	var o original
	if m == vm.Offline {
		p.mu.Lock()
		if p.file == "" {
			p.file = p.newFile()
		}
		o.File = p.file
		p.mu.Unlock()
		return json.Marshal(o)
	}
	if params.DowntimeLimit > 0 {
		c, err := p.from.get(ctx)
		if err != nil {
			return nil, err
		}
		if o.Downtime, err = c.Downtime(ctx, p.id()); err != nil {
			return nil, fmt.Errorf("read the downtime limit: %w", err)
		}
	}
	return json.Marshal(o)
}

// Adopt has this pair look after a move that another process began: it may cancel it and run the VM at the source again, it
// knows the file of an offline move, and ActRelease gives back what Settings told. resumed says that the destination was
// told to run a VM that was restored there.
func (p *Pair) Adopt(ctx context.Context, text json.RawMessage, resumed bool) error {
	var o original
	if err := json.Unmarshal(text, &o); err != nil {
		return fmt.Errorf("read the settings from before the move: %w", err)
	}
	p.note(func(k *known) { k.touched, k.adopted = true, true })
	if o.Downtime > 0 {
		p.undo.Later(func(ctx context.Context) error { return p.giveBack(ctx, o.Downtime) })
	}
	if o.File == "" {
		return nil
	}
	here, err := p.ask(ctx, p.from)
	if err != nil {
		return fmt.Errorf("ask the source for the VM: %w", err)
	}
	// libvirt ends a domain that it saves once the file is whole, and not before.
	s := &saved{file: o.File, whole: !here.active(), resumed: resumed}
	p.mu.Lock()
	p.saved = s
	p.mu.Unlock()
	p.undo.Later(func(context.Context) error { return s.remove() })
	return nil
}
