package libvirt

import (
	"fmt"

	"walm/hypervisor/libvirt/rpc"
	"walm/hypervisor/libvirt/rpc/rpctest"
)

// direct is the same in the five steps that a client leads.
func (w *world) direct() {
	var m rpctest.Migration
	w.a.Handle(302, func(in *rpctest.In) (*rpctest.Out, error) {
		m.Domain, m.Params, m.Flags = in.Dom(), in.Params(), rpc.MigrateFlags(in.Num())
		w.begin()
		return new(rpctest.Out).Str("from begin").Str("<domain/>"), nil
	})
	w.b.Handle(303, func(in *rpctest.In) (*rpctest.Out, error) {
		if ps, cookie := in.Params(), in.Str(); ps.Text(rpc.ParamDestXML) != "<domain/>" || cookie != "from begin" {
			return nil, fmt.Errorf("prepared with %v %q", ps, cookie)
		}
		if m.Flags&rpc.PostcopyResume == 0 {
			w.prepare()
		}
		return new(rpctest.Out).Str("from prepare").Some("tcp:10.0.0.2:49152"), nil
	})
	w.a.Handle(305, func(in *rpctest.In) (*rpctest.Out, error) {
		m.Domain, m.Destination, m.Params = in.Dom(), in.Maybe(), in.Params()
		cookie := in.Str()
		m.Flags = rpc.MigrateFlags(in.Num())
		if m.Destination != "" {
			if err := w.migrate(m); err != nil {
				return nil, err
			}
			return new(rpctest.Out).Str(""), nil
		}
		if uri := m.Params.Text(rpc.ParamURI); uri != "tcp:10.0.0.2:49152" || cookie != "from prepare" {
			return nil, fmt.Errorf("performed with %q %q", uri, cookie)
		}
		if m.Flags&rpc.PostcopyResume != 0 { // no pass begins anew, and nothing stops
			w.set(func() { w.cut, w.came = false, true })
			w.source(func(d *rpctest.Domain) { d.State = rpc.State{State: rpc.Paused, Reason: rpc.PausedPostcopy} })
			w.arrives(rpc.RunningPostcopy)
			return new(rpctest.Out).Str("from perform"), nil
		}
		if err := w.perform(m); err != nil {
			w.resumeSource()
			return nil, err
		}
		return new(rpctest.Out).Str("from perform"), nil
	})
	w.b.Handle(306, func(in *rpctest.In) (*rpctest.Out, error) {
		ps, cookie := in.Params(), in.Str()
		in.Num()
		if in.Num() != 0 {
			w.giveUp()
			return nil, &rpc.Error{Code: 82, Message: "migration successfully aborted"}
		}
		if ps.Text(rpc.ParamDestName) != guestName || cookie != "from perform" {
			return nil, fmt.Errorf("finished with %v %q", ps, cookie)
		}
		end := w.finish
		if m.Flags&rpc.PostcopyResume != 0 {
			end = w.rest
		}
		if err := end(m); err != nil {
			return nil, err
		}
		return new(rpctest.Out).Dom(w.domain).Str("from finish"), nil
	})
	w.a.Handle(307, func(in *rpctest.In) (*rpctest.Out, error) {
		in.Dom()
		in.Params()
		cookie := in.Str()
		in.Num()
		switch cancelled := in.Num() != 0; {
		case !cancelled && cookie != "from finish":
			return nil, fmt.Errorf("confirmed with %q", cookie)
		case cancelled && w.state(w.a).Reason == rpc.PausedPostcopyFailed:
		case cancelled:
			w.resumeSource()
		default:
			w.confirm()
		}
		return new(rpctest.Out), nil
	})
}
