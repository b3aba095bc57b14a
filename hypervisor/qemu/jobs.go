package qemu

import (
	"context"
	"fmt"
	"time"

	"walm/vm"
)

// job is a block job, as query-jobs tells of it.
type job struct {
	ID     string
	Status string
	Done   vm.Bytes `json:"current-progress"`
	Total  vm.Bytes `json:"total-progress"`
	Error  string
}

// The statuses of a job that walm tells apart (JobStatus).
const (
	jobReady     = "ready"
	jobConcluded = "concluded"
)

func (v *VM) jobs(ctx context.Context) (map[string]job, error) {
	var list []job
	if err := v.conn.Do(ctx, "query-jobs", nil, &list); err != nil {
		return nil, err
	}
	all := map[string]job{}
	for _, j := range list {
		all[j.ID] = j
	}
	return all, nil
}

// concluded waits until a job has come to its end, has QEMU forget it, and returns why it failed if it did.
func (v *VM) concluded(ctx context.Context, id string) (failure string, err error) {
	for {
		jobs, err := v.jobs(ctx)
		if err != nil {
			return "", err
		}
		j, ok := jobs[id]
		if !ok {
			return "", fmt.Errorf("the job %s has vanished", id)
		}
		if j.Status == jobConcluded {
			return j.Error, v.conn.Do(ctx, "job-dismiss", map[string]any{"id": id}, nil)
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("wait for the job %s, which is %s: %w", id, j.Status, ctx.Err())
		case <-time.After(2 * time.Millisecond): // the VM is stopped meanwhile
		}
	}
}
