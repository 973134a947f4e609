package console

import (
	"net/http"
	"net/url"
)

// leaveData is where a link of somebody's message leads.
type leaveData struct {
	Host, URL string
	Hidden    bool // the address has a name before an @, which looks like the host
}

// leave shows where a link leads before anybody follows it.
func (c *Console) leave(w http.ResponseWriter, r *http.Request, v *visit) error {
	u := outside(r.URL.Query().Get("url"))
	if u == nil {
		return problem(http.StatusBadRequest, "This is not the address of a web page.")
	}
	hidden := u.User != nil
	u.User = (*url.Userinfo)(nil)
	c.render(w, r, v, page{Title: "A link from a message", Template: "leave", Data: leaveData{u.Host, u.String(), hidden}})
	return nil
}
