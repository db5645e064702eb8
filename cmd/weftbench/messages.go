package main

// messages are what the customer and the agent say in turn. No two of them are alike, as
// none are in life: how small a document can be packed depends on that. # is the order's number.
func messages() []string {
	return []string{
		"Hi, I ordered two hydraulic couplings on Thursday, and the shop still says 'processing' for order #. Could you check when they leave the " +
			"warehouse? One of our machines is standing still because of them, so every day counts.",
		"Good morning Jan, thanks for getting in touch, and sorry to hear about the machine. Let me look up order # for you; that takes me a minute " +
			"or so. Is the delivery address still your plant in Hamburg, as it was last time?",
		"Yes, Hamburg, gate 3. Please not the office in Bremen, where the last parts went by mistake: it took us two days to get them over. Our goods " +
			"receipt is open from six in the morning until half past three in the afternoon.",
		"Found it: both couplings were picked this morning and handed over to DHL at 09:40. The label says Hamburg, gate 3, so that is all right. You " +
			"should have the tracking number JJD0003# in your mailbox; if not, have a look into the spam folder.",
		"Great, that was quicker than I feared, and the mail has just come in. How long does it usually take from you to Germany? Our fitter is booked " +
			"for Tuesday, and moving him to another day would cost us about 400 euros.",
		"Three to five business days as a rule, because the parcel has to pass customs once. Clearance is included in what you have paid, so nobody will " +
			"ask you for money at the door. Counting from today, that makes it Wednesday at the latest.",
		"Wednesday is one day too late for us. Is there anything faster? I would gladly pay for express if somebody can promise that the couplings are " +
			"here on Monday evening. Picking them up at a depot would be fine, too.",
		"I can move the parcel to DHL Express if we decide before 13:00. That is 38.50 euros more, and they guarantee delivery on Monday before noon. Shall " +
			"I book it on the same payment method, the card that ends in 4417?",
		"Yes please, go ahead. And could you put our purchase order number 45-# on the new invoice? Otherwise accounting sends it back to you again, as they " +
			"did in February, and I am the one who has to explain it to everybody.",
		"Done, it is booked. You will get the corrected invoice with 45-# on it by e-mail within the hour, and the old one is cancelled. The tracking number " +
			"stays as it is; what it shows should change some time this afternoon.",
		"Perfect. One more question while I have you: the seal kit that is listed under accessories, does it fit the older model from 2019 as well? On the " +
			"drawing the groove looks different, but I may be mistaken there.",
		"It does not, I am afraid, and you have read the drawing correctly. For couplings built before March 2021 you need kit SK-17 in place of SK-22; its " +
			"groove is 0.4 mm narrower. I have put SK-17 into your basket so that you can compare.",
		"Very helpful, thank you! I will order two of those next week, once the fitter has had a look at what is left of the old ones. That was all for " +
			"today; have a nice weekend, and say hello to your colleagues in shipping.",
		"You are welcome, Jan, and I will pass it on. I keep an eye on the parcel until it has arrived on Monday, and write to you at once should it be held " +
			"up anywhere. Good luck with the repair, and have a nice weekend, too!",
	}
}
