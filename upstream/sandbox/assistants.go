package sandbox

import (
	"fmt"
	"strings"
)

// assistantNames are those of Acme: more than the ten of a default page.
const assistantNames = "Support Assistant,Sales Assistant,Order Desk,Billing,Returns,Onboarding," +
	"Night Shift,Appointments,Surveys,Partner Line,Spare Parts,Front Desk"

// assistantsOf are a tenant's assistants. The first of Acme is the documented one.
func assistantsOf(tenant string) []assistant {
	switch tenant {
	case Acme:
		list := []assistant{}
		for i, name := range strings.Split(assistantNames, ",") {
			list = append(list, assistant{123 + i, fmt.Sprintf("a1b2c3d4-5678-40ab-8def-%012d", i), name})
		}
		list[0].id = "a1b2c3d4-5678-90ab-cdef-1234567890ab"
		return list
	case Globex:
		return []assistant{
			{1, "e6c1d7a2-93f4-4b58-8a0d-000000000001", "Gina"},
			{2, "e6c1d7a2-93f4-4b58-8a0d-000000000002", "Gregor"},
		}
	}
	return []assistant{{900, "f7d2e8b3-04a5-4c69-9b1e-000000000001", "Initech Helper"}}
}
