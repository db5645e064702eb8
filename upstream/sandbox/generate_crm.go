package sandbox

import (
	"fmt"
	"strings"
	"time"
)

const (
	firstNames = "Amara Bruno Chiara Dmitri Elif Femke Goran Hana Ines Jonas Kofi Lena Mateo Nadia Oskar Priya Quentin Rosa Stefan Tuva"
	lastNames  = "Almeida Berger Costa Dahl Eriksen Fischer Greco Horvat Ivanov Jansen Keller Lindqvist Moreau Novak Okafor Petit Rossi Silva Tanaka Weber"
	firmHeads  = "Alpen Baltic Central Delta Euro Falcon Grand Harbour Inter Jade Kron Luna Metro Nord Omni Prime"
	firmTails  = "Bau Cargo Dental Energy Foods Glass Hotels Invest Juice Klinik Labs Media Optik Print Robotics Solar"
	areaCodes  = "212 213 305 312 404 415 503 512 602 617"
)

// crm makes n contacts, a third as many accounts, and puts them into the CRM.
func (g *generator) crm(to *registry, n int, now time.Time) {
	if to == nil {
		return
	}
	firms := []account{}
	for i := range n / 3 {
		f := g.firm(i, now)
		firms = append(firms, f)
		to.accounts[g.tenant].put(f.ID, f)
	}
	for i := range n {
		c := g.contact(i, firms, now)
		g.people = append(g.people, c)
		to.contacts[g.tenant].put(c.ID, c)
	}
}

func (g *generator) firm(i int, now time.Time) account {
	heads, tails := strings.Fields(firmHeads), strings.Fields(firmTails)
	name := heads[i%len(heads)] + " " + tails[i/len(heads)%len(tails)]
	if round := i / (len(heads) * len(tails)); round > 0 {
		name += fmt.Sprintf(" %d", round+1)
	}
	domain := strings.ToLower(strings.ReplaceAll(name, " ", "-")) + ".example"
	a := account{
		ID: g.recordID("acc", i), TenantID: g.tenant, Name: ptr(name + pick(g, " GmbH", " S.L.", " AB", " Ltd")),
		ResolutionStatus: pick(g, "crm_resolved", "domain_inferred"), ExternalRef: ptr(fmt.Sprintf("CRM-ACCOUNT-%05d", 20000+i)),
		EmailDomain: &domain, Website: ptr("https://" + domain), Country: ptr(pick(g, "DE", "ES", "SE", "GB")),
		CompanyType: ptr(pick(g, "customer", "prospect", "partner")), Employees: ptr(5 + g.rng.IntN(2000)),
		CreatedAt: timestamp(now.Add(-span - g.upTo(3*span))), UpdatedAt: timestamp(now.Add(-g.upTo(span))),
	}
	if *a.Country != "GB" {
		a.VATNumber, a.VATValid = ptr(fmt.Sprintf("%s%09d", *a.Country, g.rng.IntN(1e9))), ptr(g.chance(90))
		a.ResolutionStatus = "vies_resolved"
	}
	a.detail(i)
	return a
}

func (g *generator) contact(i int, firms []account, now time.Time) contact {
	first, last := g.name()
	c := contact{
		ID: g.recordID("con", i), TenantID: g.tenant, ExternalRef: ptr(fmt.Sprintf("crm-lead-%05d", 20000+i)),
		ResolutionStatus: "crm_resolved", FirstName: &first, LastName: &last, Phone: ptr(g.phone(1_000_000 + i)),
		Title:     ptr(pick(g, "Buyer", "Head of Sales", "Engineer", "Owner")),
		OwnerName: ptr(pick(g, "Sam Seller", "Kim Keeper")), Tags: []string{pick(g, "vip", "trial", "newsletter")},
		CreatedAt: timestamp(now.Add(-span - g.upTo(2*span))), UpdatedAt: timestamp(now.Add(-g.upTo(span))),
		InternalNote: ptr(pick(g, "pays late", "asked for a discount")),
	}
	domain := "mail.example"
	if len(firms) > 0 && !g.chance(15) {
		firm := pick(g, firms...)
		c.AccountID, c.CompanyName, domain = &firm.ID, firm.Name, *firm.EmailDomain
	}
	c.Email = ptr(strings.ToLower(fmt.Sprintf("%s.%s%d@%s", first, last, i, domain)))
	c.URL = ptr("https://crm.example/contacts/" + c.ID)
	c.detail(i)
	return c
}

// recordID is a short id or a UUID: CRMs have either.
func (g *generator) recordID(prefix string, i int) string {
	if g.tenant == Acme {
		return fmt.Sprintf("%s-%d", prefix, 10001+i)
	}
	return newID(g.src)
}

func (g *generator) name() (first, last string) {
	return pick(g, strings.Fields(firstNames)...), pick(g, strings.Fields(lastNames)...)
}

// phone is the nth number, one in five of them with spaces, as people type them.
func (g *generator) phone(n int) string {
	areas := strings.Fields(areaCodes)
	area, exchange, line := areas[n%len(areas)], 200+n/len(areas)/10_000%800, n/len(areas)%10_000
	if g.chance(20) {
		return fmt.Sprintf("+1 %s %03d %04d", area, exchange, line)
	}
	return fmt.Sprintf("+1%s%03d%04d", area, exchange, line)
}
